"""What a merged model was made of: a record for programs and a README for people."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from model.loading.manifest import AdapterManifest, BaseRecord

RECORD = "merge.json"
README = "README.md"
GGUF = "python convert_hf_to_gguf.py {folder} --outtype f16"


class MergeRecord(BaseModel):
    """What a merged model was made of. `adapter` is the manifest, None if there was none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    base: BaseRecord
    adapter_hash: str
    adapter: AdapterManifest | None
    dtype: str
    created: datetime


def readme(name: str, record: MergeRecord) -> str:
    """The README in Markdown; `name` is the name of the folder."""
    adapter = record.adapter
    made = "an adapter" if adapter is None else f"the adapter `{adapter.name}`"
    trained: list[str] = []
    if adapter is not None:
        data = adapter.data
        trained.append(f"- trained on {data.learned} of {data.path}, licence: {data.licence}")
    lines = [
        f"# {name}",
        "",
        f"{record.base.id} with {made} merged into its weights ({record.dtype}), made by",
        f"`python -m training merge`; `{RECORD}` says from what.",
        "",
        f"- base: {record.base.id} (`{record.base.hash}`); its licence holds for this model too",
        f"- adapter: `{record.adapter_hash}`",
        *trained,
        "",
        "It loads with transformers (`AutoModelForCausalLM.from_pretrained`) and vLLM, and as",
        f"FunGPT's base: `BASE_MODEL={name} ADAPTERS=none`. For llama.cpp, in its source folder:",
        "",
        f"    {GGUF.format(folder=name)}",
        "",
    ]
    return "\n".join(lines)
