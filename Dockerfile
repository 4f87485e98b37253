# The tracker on a processor, without a screen and not as root; the page of a live run is on port 8765.
#
#     docker build -t tracker .
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" tracker process clip.mp4
#     docker run --rm --init -p 127.0.0.1:8765:8765 tracker webcam rtsp://camera/main --no-show --serve 0.0.0.0:8765
FROM debian:trixie-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv
RUN python3 -m venv /opt/tracker
WORKDIR /src
COPY pyproject.toml setup.py README.md LICENSE constraints.txt ./
COPY configs configs
COPY tracker tracker
# the OpenCV without windows, which needs no libraries of a desktop
RUN /opt/tracker/bin/pip install --no-cache-dir -c constraints.txt '.[web]' \
    && /opt/tracker/bin/pip uninstall -y opencv-python \
    && /opt/tracker/bin/pip install --no-cache-dir -c constraints.txt opencv-python-headless

FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home tracker \
    && install -d -o tracker /data
COPY --from=build /opt/tracker /opt/tracker
USER tracker
WORKDIR /data
EXPOSE 8765
ENTRYPOINT ["/opt/tracker/bin/tracker"]
CMD ["--help"]
