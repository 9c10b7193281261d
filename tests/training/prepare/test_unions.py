"""Items are joined over any number of links."""

from training.prepare.unions import Unions


def test_items_are_joined_over_several_links():
    unions = Unions(6)
    for one, other in ((3, 0), (3, 5), (1, 2)):
        unions.join(one, other)
    assert unions.leaders().tolist() == [0, 1, 1, 0, 4, 0]
    assert unions.find(5) == 0
