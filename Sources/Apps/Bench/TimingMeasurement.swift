import App
import Base
import Foundation
import HTTPTypes
import Identity
import Modules

/// Whether the duration of a refused sign-in depends on the reason of the refusal. The password hash takes the same
/// time for every reason and would hide differences of the rest, so that a hasher without work replaces it.
struct TimingMeasurement {
    let effort: Effort
    let scratch: URL

    /// The reasons of a refusal, which a client must not be able to distinguish.
    private enum Kind: String, CaseIterable {
        case unknown = "unknown name"
        case wrong = "wrong password"
        case locked = "locked"
    }

    /// A larger absolute value of Welch's t is a difference (the threshold of dudect).
    private static let goal = 4.5

    func run() async throws -> Table {
        let samples = effort.rounds > 1 ? 2_000 : 200
        let app = try await makeApp()
        defer { Task { await app.database.close() } }
        // Each account is used once, from its own network address, so that samples are independent.
        for index in 0..<samples {
            for kind in [Kind.wrong, .locked] { try await register(kind, index, app) }
            for _ in 0..<6 { _ = try await signIn(.locked, index, app) }
        }
        try await lock(app)
        for index in samples..<(samples + 50) { for kind in Kind.allCases { _ = try await signIn(kind, index, app) } }

        var times = Dictionary(uniqueKeysWithValues: Kind.allCases.map { ($0, [Double]()) })
        for index in 0..<samples {
            for kind in Kind.allCases.shuffled() {
                let (status, seconds) = try await signIn(kind, index, app)
                guard status == 401 else { throw Unexpected(kind: kind.rawValue, status: status) }
                times[kind, default: []].append(seconds * 1_000_000)
            }
        }
        return table(times, samples)
    }

    private func table(_ times: [Kind: [Double]], _ samples: Int) -> Table {
        var table = Table(
            "Refused sign-ins, \(samples) of each, interleaved",
            ["refusal", "median µs", "mean µs", "Welch's t", "t without the slowest 5 %"])
        for kind in Kind.allCases {
            let own = times[kind] ?? []
            table.rows.append([kind.rawValue, own.median.shown(1), own.mean.shown(1), "", ""])
        }
        var durations = DurationHistogram()
        for microseconds in times.values.joined() { durations.record(.nanoseconds(Int64(microseconds * 1_000))) }
        let limit = durations.percentile(95) / .microseconds(1)
        for (one, other) in [(Kind.unknown, Kind.wrong), (.unknown, .locked), (.wrong, .locked)] {
            let (first, second) = (times[one] ?? [], times[other] ?? [])
            let whole = Self.welch(first, second)
            let cut = Self.welch(first.filter { $0 <= limit }, second.filter { $0 <= limit })
            table.rows.append(["\(one.rawValue) against \(other.rawValue)", "", "", whole.shown(2), cut.shown(2)])
        }
        table.note = "An absolute value below \(Self.goal) shows no difference."
        return table
    }

    /// Welch's t of two samples with different variances.
    private static func welch(_ first: [Double], _ second: [Double]) -> Double {
        (first.mean - second.mean)
            / (first.variance / Double(first.count) + second.variance / Double(second.count)).squareRoot()
    }

    // MARK: The system

    private func makeApp() async throws -> App {
        var configuration = Configuration()
        configuration.dataFolder = scratch.appending(path: "timing").path
        configuration.databaseURL = "sqlite:\(configuration.dataFolder)/gatehouse.db"
        configuration.limitsRates = false
        configuration.bcryptRounds = 4
        configuration.logLevel = .error
        var dependencies = AppDependencies()
        dependencies.passwords = PasswordHasher(measuringOn: 1)
        return try await buildApp(configuration, in: dependencies)
    }

    private func register(_ kind: Kind, _ index: Int, _ app: App) async throws {
        let body: JSONValue = ["email": .string(Self.email(kind, index)), "password": "correct horse battery"]
        let (status, _) = try await post("/v1/auth/register", body, from: "192.0.2.1", app)
        guard status == 201 else { throw Unexpected(kind: "registration", status: status) }
    }

    /// Locks the accounts for longer than the measurement takes.
    private func lock(_ app: App) async throws {
        try await app.database.write { transaction in
            try transaction.execute(
                "UPDATE sign_in_failures SET refused_until = \(transaction.now + .hours(1)) WHERE failures >= 6")
        }
    }

    private func signIn(_ kind: Kind, _ index: Int, _ app: App) async throws -> (status: Int, seconds: Double) {
        let body: JSONValue = ["email": .string(Self.email(kind, index)), "password": "not the password"]
        return try await post("/v1/auth/login", body, from: Self.address(kind, index), app)
    }

    private func post(_ path: String, _ body: JSONValue, from address: String, _ app: App) async throws -> (
        status: Int, seconds: Double
    ) {
        let request = try InProcessRequest(path, body)
        let start = ContinuousClock.now
        let response = await request.send(to: app, from: address)
        return (response.status.code, (ContinuousClock.now - start).inSeconds)
    }

    /// Addresses of equal length.
    private static func email(_ kind: Kind, _ index: Int) -> String {
        "\(kind.rawValue.prefix(1))-\(100_000 + index)@example.org"
    }

    private static func address(_ kind: Kind, _ index: Int) -> String {
        let first = 100 + (Kind.allCases.firstIndex(of: kind) ?? 0)
        return "\(first).\(100 + index >> 14).\(100 + index >> 7 & 127).\(100 + index & 127)"
    }

    struct Unexpected: Error, CustomStringConvertible {
        let kind: String
        let status: Int
        var description: String { "\(kind) was answered with status \(status)" }
    }
}

extension Collection<Double> {
    fileprivate var mean: Double { isEmpty ? .nan : reduce(0, +) / Double(count) }

    /// The unbiased estimate of a sample.
    fileprivate var variance: Double {
        let mean = mean
        return count < 2 ? .nan : reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
    }
}
