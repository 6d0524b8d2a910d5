import App
import ArgumentParser
import Base
import Foundation
import HTTPTypes
import Modules
import NIOCore

/// How fast refresh tokens are traded through all layers but the socket; prints one JSON value.
struct RefreshCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "refresh", shouldDisplay: false)

    @Option var folder: String
    @Option var seconds: Double

    func run() async throws {
        var rates = RefreshRates()
        rates.plain = try PlainTransactions(folder: folder).rate(seconds: seconds)
        let house = try await BenchServer(folder: folder, logLevel: .error)
        let door = house.dispatcher
        var tokens: [String] = []
        for index in 0..<64 {
            tokens.append(
                try await Self.token(
                    from: door, "/v1/auth/register",
                    ["email": .string(Accounts.address(index)), "password": .string(Accounts.password)]))
        }
        (rates.one, tokens) = try await refreshes(door, tokens, sessions: 1)
        (rates.many, tokens) = try await refreshes(door, tokens, sessions: tokens.count)
        await house.app.database.close()
        FileHandle.standardOutput.write(try JSONEncoder().encode(rates))
    }

    /// - Returns: refreshes a second, and the tokens that are good now.
    private func refreshes(_ door: RequestDispatcher, _ tokens: [String], sessions: Int) async throws -> (
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
                        token = try await Self.token(from: door, "/v1/auth/refresh", ["refresh_token": .string(token)])
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

    /// The refresh token that the answer brings.
    private static func token(from door: RequestDispatcher, _ path: String, _ body: JSONValue) async throws -> String {
        let head = HTTPRequest(
            method: .post, scheme: "http", authority: "localhost", path: path,
            headerFields: [.contentType: "application/json"])
        let response = await door.respond(
            to: head, body: RequestBody(bytes: Array(try JSONEncoder().encode(body))), address: "127.0.0.1")
        guard case .buffer(let buffer) = response.body,
            let token = try JSONValue(parsing: buffer.readableBytesView)["refresh_token"]?.string
        else {
            throw Refused(status: response.status.code)
        }
        return token
    }

    struct Refused: Error, CustomStringConvertible {
        let status: Int
        var description: String { "a refresh was answered \(status)" }
    }
}

/// Of one round, a second.
struct RefreshRates: Codable, Sendable {
    var plain = Double.nan
    var one = Double.nan
    var many = Double.nan
}
