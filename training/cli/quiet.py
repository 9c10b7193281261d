"""Keeping the libraries' notes to themselves; the program speaks for itself."""

import logging
import warnings


def silence_libraries() -> None:
    """Show only errors of transformers, peft, accelerate and bitsandbytes.

    Call it before the first of them is imported: some talk while they are.
    """
    warnings.filterwarnings("ignore", module=r"(transformers|peft|accelerate|bitsandbytes|torch)\b")
    for name in ("transformers", "peft", "accelerate", "bitsandbytes"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    set_verbosity_error()
    disable_progress_bar()
