# One build, three images: docker build --target ingress|worker|quittance .
# No secret enters an image; configuration, keys and passwords come at run time.

FROM rust:1.95-bookworm AS build
WORKDIR /src
# rust-toolchain.toml stays outside: the image's own toolchain is the pinned one.
COPY Cargo.toml Cargo.lock ./
COPY shared shared
COPY ingress ingress
COPY worker worker
COPY ops ops
COPY tests tests
RUN cargo build --locked --release -p ingress -p worker -p quittance

FROM debian:bookworm-slim AS runtime
# curl is what the health checks of docker-compose.yml ask with.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 quittance \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/quittance \
        --shell /usr/sbin/nologin quittance \
    && install -d -o quittance -g quittance -m 0750 /var/lib/quittance
WORKDIR /var/lib/quittance
USER 10001:10001
STOPSIGNAL SIGTERM

FROM runtime AS ingress
COPY --from=build /src/target/release/quittance-ingress /usr/local/bin/
EXPOSE 8080 9090
ENTRYPOINT ["quittance-ingress"]
CMD ["--config", "/etc/quittance/quittance.toml"]

FROM runtime AS worker
COPY --from=build /src/target/release/quittance-worker /usr/local/bin/
EXPOSE 9091
ENTRYPOINT ["quittance-worker"]
CMD ["--config", "/etc/quittance/quittance.toml"]

FROM runtime AS quittance
COPY --from=build /src/target/release/quittance /usr/local/bin/
ENTRYPOINT ["quittance"]
CMD ["--help"]
