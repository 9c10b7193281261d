"""What kind of file somebody attached, as far as its name and its announced type tell. Pure."""

from pathlib import PurePath
from typing import Protocol


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEXT = _words("""
    txt md markdown rst adoc org csv tsv log json jsonl ndjson json5 ipynb yaml yml toml ini cfg
    conf env properties xml xsd html htm xhtml svg css scss less py pyi pyx js mjs cjs jsx ts mts
    cts tsx vue svelte c h cc cpp cxx hpp hh cs java kt kts scala groovy gradle go rs rb php pl
    pm lua r jl m swift dart hs elm ex exs erl clj cljs lisp scm ml mli fs fsx vb pas asm s v sv vhd
    sh bash zsh fish bat cmd ps1 psm1 psd1 sql graphql proto tf nix cmake mk tex bib diff patch
    srt vtt ass sub lrc po pot ics vcf eml reg desktop service dockerfile gitignore editorconfig
    nfo lock list
""")
_BINARY = _words("""
    png jpg jpeg jfif gif webp avif apng bmp tif tiff ico heic heif psd xcf raw mp3 wav ogg oga
    opus flac m4a aac wma mid midi mp4 m4v mov avi mkv webm wmv flv mpg mpeg 3gp pdf doc docx xls
    xlsx ppt pptx odt ods odp epub mobi zip 7z rar gz tgz bz2 xz zst tar jar apk iso dmg exe dll
    so dylib bin pyc class wasm db sqlite sqlite3 parquet npy npz pt pth safetensors
    gguf onnx pkl ttf otf woff woff2 blend fbx glb stl swf
""")
_MEDIA = {"image": "picture", "video": "video", "audio": "audio file"}


class NamedFile(Protocol):
    """As much of an attachment as tells its kind."""

    @property
    def filename(self) -> str:
        """The file's name."""
        ...

    @property
    def content_type(self) -> str | None:
        """What the uploading program said the file is; it is often wrong."""
        ...


def may_be_text(file: NamedFile) -> bool:
    """Whether a file is worth opening; what it really holds, only its bytes tell.

    Names and types are both wrong at times (TypeScript comes as a video), so a file is only left
    closed where nothing speaks for text and something speaks against it.
    """
    suffix, (kind, subtype) = _suffix(file), _type(file)
    if suffix in _TEXT or kind == "text":
        return True
    media = kind in ("image", "video", "audio", "font") or subtype in ("pdf", "zip", "gzip")
    return not media and suffix not in _BINARY


def media_word(file: NamedFile) -> str:
    """What people call a file that is not opened: a picture, a voice message, a video, a file."""
    if getattr(file, "waveform", None) is not None:
        return "voice message"
    kind, _ = _type(file)
    pictures = ("png", "jpg", "jpeg", "gif", "webp", "avif", "apng", "bmp", "heic", "tiff")
    return _MEDIA.get(kind, "picture" if _suffix(file) in pictures else "file")


def _suffix(file: NamedFile) -> str:
    return PurePath(file.filename).suffix.lower().removeprefix(".")


def _type(file: NamedFile) -> tuple[str, str]:
    kind, _, subtype = (file.content_type or "").partition(";")[0].strip().lower().partition("/")
    return kind, subtype
