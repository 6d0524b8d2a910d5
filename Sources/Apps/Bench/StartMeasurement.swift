import Client
import Foundation

/// The time of a start, the memory and the size of the command.
struct StartMeasurement {
    let effort: Effort
    let scratch: URL
    let binary: String

    private static let port = 20_000 + Int(ProcessInfo.processInfo.processIdentifier) % 12_000

    func run() async throws -> Table {
        let folder = scratch.appending(path: "start")
        let client = Client(baseURL: "http://127.0.0.1:\(Self.port)")
        var table = Table("The command `gatehouse serve`", ["quantity", "measured", ""])
        do {
            table.rows = try await rows(folder, client)
        } catch {
            await client.shutDown()
            throw error
        }
        await client.shutDown()
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

        let child = try serve(folder)
        defer { child.stop() }
        try await untilHealthy(client)
        try await Task.sleep(for: .seconds(2))
        let idle = child.residentMiB
        let tokens = scratch.appending(path: "start-token")
        try await Accounts.register(1, at: client.baseURL).joined().write(to: tokens, atomically: true, encoding: .utf8)
        let wrk = try Wrk(scratch: scratch, on: .all)
        let load = try wrk.run(
            "GET", client.baseURL + "/v1/auth/profile", tokens: tokens, connections: 256,
            seconds: effort.roundSeconds * 3)
        try await Task.sleep(for: .seconds(1))
        return [
            [
                "start to the first /health, new installation", first.median.shown() + " ms",
                "with schema and signing key",
            ],
            [
                "start to the first /health, existing installation", later.median.shown() + " ms",
                "p90 \(p90.shown()) ms",
            ],
            ["resident memory, idle", idle.shown(1) + " MiB", ""],
            [
                "resident memory, after load", child.residentMiB.shown(1) + " MiB",
                "\(load.requests.shown()) requests, 256 connections",
            ],
            ["binary, stripped", try strippedMiB().shown(1) + " MiB", "without the libraries of Swift and Foundation"],
        ]
    }

    /// Milliseconds from the start of the process to its first response.
    private func start(_ folder: URL, _ client: Client) async throws -> Double {
        let begin = ContinuousClock.now
        let child = try serve(folder)
        defer { child.stop() }
        try await untilHealthy(client)
        return (ContinuousClock.now - begin) / .milliseconds(1)
    }

    private func serve(_ folder: URL) throws -> Child {
        try Child(
            binary, ["serve", "--port", "\(Self.port)"],
            environment: [
                "DATA_DIR": folder.path, "RATE_LIMIT_ENABLED": "false", "CONNECTIONS_PER_NETWORK": "10000",
            ])
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
