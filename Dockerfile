# The image of Gatehouse. docs/operations.md tells how it is used; scripts/image builds it without an image registry.

# Both are of one release of Debian: the program is linked with the libraries of the first one.
ARG TOOLCHAIN=docker.io/library/swift:6.2-bookworm
ARG BASE=docker.io/library/debian:bookworm-slim
# The stage that has the program, or an image with one that is built already.
ARG PROGRAM=build

FROM ${TOOLCHAIN} AS toolchain
WORKDIR /source
COPY scripts/setup scripts/setup
RUN apt-get update \
    && apt-get install --yes --no-install-recommends dpkg-dev binutils \
    && scripts/setup build

# What `docker compose run tests` runs.
FROM toolchain AS tests
COPY . .
ENTRYPOINT ["./test"]

FROM toolchain AS build
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
COPY Examples Examples
COPY scripts scripts
RUN scripts/package --program /program

FROM ${PROGRAM} AS program

# Debian with the libraries, without the program: a layer that stays when only the program changes.
FROM ${BASE} AS system
# Further packages: postgresql-client for backups of PostgreSQL, bubblewrap for commands of workflows.
ARG PACKAGES=""
COPY --from=program /program/packages /usr/share/gatehouse/packages
RUN apt-get update \
    && apt-get install --yes --no-install-recommends $(cat /usr/share/gatehouse/packages) ${PACKAGES} \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* \
    && groupadd --gid 10001 gatehouse \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/gatehouse --no-create-home --shell /usr/sbin/nologin \
        gatehouse \
    && install -d -m 0700 -o gatehouse -g gatehouse /var/lib/gatehouse \
    && ln -s ../lib/gatehouse/gatehouse /usr/bin/gatehouse

FROM system
COPY --from=program /program/gatehouse /usr/lib/gatehouse

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Gatehouse" \
    org.opencontainers.image.description="Backend of paid products in one binary" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

# The same in every container: by number, because orchestrators compare it with 0.
USER 10001:10001
ENV ENVIRONMENT=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/var/lib/gatehouse LOG_FORMAT=json
WORKDIR /var/lib/gatehouse
VOLUME /var/lib/gatehouse
EXPOSE 8080
# A stop ends requests and jobs within SHUTDOWN_TIMEOUT: give it more than its 8 seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["gatehouse", "health"]
ENTRYPOINT ["gatehouse"]
CMD ["serve"]
