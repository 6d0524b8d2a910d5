import Base
import Client
import Foundation

/// The time of a start, the memory and the size of the command.
struct StartMeasurement {
    let effort: Effort
    let scratch: URL
    let binary: String

    private static let port = Machine.port(0)

    func run() async throws -> Table {
        let folder = scratch.appending(path: "start")
        let client = Client(baseURL: "http://127.0.0.1:\(Self.port)")
        var table = Table("The command `gatehouse serve`", ["quantity", "measured", ""])
        table.rows = try await attempt {
            try await rows(folder, client)
        } finally: {
            await client.shutDown()
        }
        return table
    }

    private func rows(_ folder: URL, _ client: Client) async throws -> [[String]] {
        var first: [Double] = []
        for _ in 0..<max(3, effort.starts / 3) {
            try? FileManager.default.removeItem(at: folder)
            first.append(try await start(folder, client))
        }
        var (later, latencies) = ([Double](), DurationHistogram())
        for _ in 0..<effort.starts {
            let milliseconds = try await start(folder, client)
            later.append(milliseconds)
            latencies.record(.microseconds(Int64(milliseconds * 1_000)))
        }
        let p90 = latencies.percentile(90) / .milliseconds(1)

        let wrk = try Wrk(scratch: scratch, on: .all)
        let memory = try await memory(folder, client, wrk)
        let reserved = try await memoryAfterReservations(client, wrk)
        return [
            [
                "start to the first /health, new installation", first.median.shown() + " ms",
                "with schema and signing key",
            ],
            [
                "start to the first /health, existing installation", later.median.shown() + " ms",
                "p90 \(p90.shown()) ms",
            ],
            ["resident memory, idle", memory.idle.shown(1) + " MiB", ""],
            [
                "resident memory, after load", memory.loaded.shown(1) + " MiB",
                "\(memory.requests.shown()) requests, 256 connections",
            ],
            [
                "resident memory, after reservations", reserved.mebibytes.shown(1) + " MiB",
                "\(reserved.requests.shown()) durable reservations, 64 connections",
            ],
            ["binary, stripped", try strippedMiB().shown(1) + " MiB", "without the libraries of Swift and Foundation"],
        ]
    }

    /// Resident memory after the start and after authenticated reads.
    private func memory(_ folder: URL, _ client: Client, _ wrk: Wrk) async throws -> (
        idle: Double, loaded: Double, requests: Double
    ) {
        let child = try serve(folder)
        defer { child.stop() }
        try await untilHealthy(client)
        try await Task.sleep(for: .seconds(2))
        let idle = child.residentMiB
        let tokens = scratch.appending(path: "start-token")
        try await Accounts.register(1, at: client.baseURL).joined().write(to: tokens, atomically: true, encoding: .utf8)
        let load = try wrk.run(
            "GET", client.baseURL + "/v1/auth/profile", as: .tokens(tokens), connections: 256,
            seconds: effort.roundSeconds * 3)
        try await Task.sleep(for: .seconds(1))
        return (idle, child.residentMiB, load.requests)
    }

    /// Resident memory of an installation of its own after ``Effort/reservations``.
    private func memoryAfterReservations(_ client: Client, _ wrk: Wrk) async throws -> (
        mebibytes: Double, requests: Double
    ) {
        let folder = scratch.appending(path: "start-reservations", directoryHint: .isDirectory)
        try SeedCommand.seed(folder, accounts: 64)
        let child = try serve(folder, environment: ["PLANS_FILE": BenchServer.plans(in: folder.path)])
        defer { child.stop() }
        try await untilHealthy(client)
        let fixture = GateFixture(folder: folder)
        let credentials = Wrk.Credentials.serviceKey(try fixture.key(), organisations: fixture.organisations)
        var requests = 0.0
        while requests < effort.reservations {
            requests += try wrk.run(
                "POST", client.baseURL + GateCall.reservationInMany.path, as: credentials, connections: 64,
                seconds: effort.roundSeconds
            ).requests
        }
        try await Task.sleep(for: .seconds(1))
        return (child.residentMiB, requests)
    }

    /// Milliseconds from the start of the process to its first response.
    private func start(_ folder: URL, _ client: Client) async throws -> Double {
        let begin = ContinuousClock.now
        let child = try serve(folder)
        defer { child.stop() }
        try await untilHealthy(client)
        return (ContinuousClock.now - begin) / .milliseconds(1)
    }

    private func serve(_ folder: URL, environment: [String: String] = [:]) throws -> Child {
        let common = ["DATA_DIR": folder.path, "RATE_LIMIT_ENABLED": "false", "CONNECTIONS_PER_NETWORK": "10000"]
        return try Child(
            binary, ["serve", "--port", "\(Self.port)"], environment: common.merging(environment) { $1 })
    }

    private func untilHealthy(_ client: Client) async throws {
        for _ in 0..<10_000 {
            if let response = try? await client.get("/health"), response.isSuccess { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw CocoaError(.executableNotLoadable)
    }

    private func strippedMiB() throws -> Double {
        let stripped = scratch.appending(path: "stripped").path
        _ = try Child.output(of: "/usr/bin/strip", ["-o", stripped, binary])
        let size = try FileManager.default.attributesOfItem(atPath: stripped)[.size] as? Int
        return Double(size ?? 0) / 1_048_576
    }
}
