import App
import ArgumentParser
import Base
import Foundation
import HTTPTypes
import Modules

/// Refreshes a second through all layers except the socket; prints one JSON value.
struct RefreshCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "refresh", shouldDisplay: false)

    @Option var folder: String
    @Option var seconds: Double

    func run() async throws {
        var rates = RefreshRates()
        rates.plain = try PlainTransactions(folder: folder).rate(seconds: seconds)
        let server = try await BenchServer(folder: folder, logLevel: .error)
        var tokens: [String] = []
        for index in 0..<64 {
            tokens.append(
                try await Self.token(
                    server.app, "/v1/auth/register",
                    ["email": .string(Accounts.email(index)), "password": .string(Accounts.password)], .created))
        }
        (rates.one, tokens) = try await refreshes(server.app, tokens, sessions: 1)
        (rates.many, tokens) = try await refreshes(server.app, tokens, sessions: tokens.count)
        await server.app.database.close()
        FileHandle.standardOutput.write(try JSONEncoder().encode(rates))
    }

    /// - Returns: refreshes a second, and the tokens that are now valid.
    private func refreshes(_ app: App, _ tokens: [String], sessions: Int) async throws -> (
        Double, [String]
    ) {
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(seconds)
        return try await withThrowingTaskGroup(of: (index: Int, count: Int, token: String).self) { tasks in
            for index in 0..<sessions {
                tasks.addTask {
                    var (count, token) = (0, tokens[index])
                    while ContinuousClock.now < end {
                        token = try await Self.token(
                            app, "/v1/auth/refresh", ["refresh_token": .string(token)], .ok)
                        count += 1
                    }
                    return (index, count, token)
                }
            }
            var (total, latest) = (0, tokens)
            for try await done in tasks {
                total += done.count
                latest[done.index] = done.token
            }
            return (Double(total) / ((clock.now - start) / .seconds(1)), latest)
        }
    }

    private static func token(
        _ app: App, _ path: String, _ body: JSONValue, _ status: HTTPResponse.Status
    ) async throws -> String {
        guard let token = try await app.post(path, body, expecting: status)["refresh_token"]?.string else {
            throw UnexpectedStatus(path: path, status: status.code)
        }
        return token
    }
}

/// Operations a second in one round.
struct RefreshRates: Codable, Sendable {
    var plain = Double.nan
    var one = Double.nan
    var many = Double.nan
}
