"""How far the estimate of a model's speed lies from speeds that others have published: the ratio of each, and the error.

Nothing is run: it is arithmetic over models/catalogue/published.toml, and takes a second.
"""

from statistics import median

from bench.report import Finding, Row, publish
from models.catalogue.published import PublishedSpeed, published_speeds, speed_error

NOTES = [
    "published, estimated: output tokens a second. ratio: published / estimated; above 1, the estimate is too slow.",
    "lengths: published, or as assumed here because they are not; those count in no error.",
]


def row(one: PublishedSpeed) -> Row:
    """Return one published figure beside its estimate."""
    return {
        "source": one.name,
        "gpu": one.gpu.kind,
        "model": one.model.name,
        "bits": one.precision.bits,
        "kv_bits": one.precision.kv_bits,
        "in": int(one.tokens.input),
        "out": int(one.tokens.output),
        "at_once": one.sequences,
        "published": round(one.output_tokens_per_s),
        "estimated": round(one.estimated),
        "ratio": round(one.ratio, 2),
        "lengths": "assumed" if one.assumed else "published",
    }


def list_groups() -> list[str]:
    """Return a line of a Markdown table for each source, GPU, model and precision; docs/catalog.md shows them."""
    groups: dict[tuple[str, ...], list[PublishedSpeed]] = {}
    for one in published_speeds():
        bits = f"{one.precision.bits}, {one.precision.kv_bits}"
        groups.setdefault((one.name, one.gpu.kind, one.model.name, bits), []).append(one)
    lines = []
    for name, some in groups.items():
        ratios = sorted(one.ratio for one in some)
        spread = f"{ratios[0]:.2f}" if len(ratios) == 1 else f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        lengths = "assumed" if some[0].assumed else "published"
        lines.append(f"| {' | '.join(name)} | {len(some)} | {spread} | {lengths} |")
    return lines


def main() -> None:
    """Compare and publish."""
    known = sorted(one.ratio for one in published_speeds() if not one.assumed)
    error = speed_error()
    summary = (
        f"{error.runs} figures whose lengths are published: ratios {error.slowest:.2f} to {error.fastest:.2f}, "
        f"median {median(known):.2f}; the estimate is off by a factor of {error.factor:.2f} at most"
    )
    rows = [row(one) for one in published_speeds()]
    publish(Finding("published", "Published speeds beside the estimate", rows, {}, [*NOTES, summary]))
    print("\n".join(list_groups()))


if __name__ == "__main__":
    main()
