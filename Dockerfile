# summdiff with the studio, on a processor, not as root:
#
#   docker build -t summdiff .
#   docker run --rm --network none -v "$PWD:/work" --user "$(id -u):$(id -g)" summdiff summarize talk.mp4
#   docker run --rm -p 127.0.0.1:8765:8765 -v "$PWD:/work:ro" summdiff serve talk.mp4 --host 0.0.0.0 --no-open
#
# The last prints an address with a token: open it with localhost for the host.

# Built apart, so that nothing but the installed environment is kept: no pip cache, no sources, no build tools.
FROM python:3.11-slim AS build
WORKDIR /source
COPY constraints.txt ./
RUN python -m venv /opt/summdiff
ENV PATH=/opt/summdiff/bin:$PATH
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN pip install --no-cache-dir --constraint constraints.txt ".[web,export,plot]" \
    && pip uninstall --yes pip setuptools \
    && summdiff --version

FROM python:3.11-slim
COPY --from=build /opt/summdiff /opt/summdiff
ENV PATH=/opt/summdiff/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SUMMDIFF_CACHE=/tmp/summdiff \
    MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home --uid 1000 summdiff
# By number, so that a host can see that it is not root.
USER 1000
WORKDIR /work
EXPOSE 8765
ENTRYPOINT ["summdiff"]
CMD ["--help"]
