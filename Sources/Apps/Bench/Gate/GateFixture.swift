import App
import Foundation
import HTTPTypes
import Modules

/// The credentials of the gate's measurement, in files that the client reads, one value a line.
struct GateFixture: Sendable {
    private let folder: URL

    init(folder: URL) { self.folder = folder }

    /// Access tokens of accounts, each with an organisation of its own.
    var tokens: URL { folder.appending(path: "tokens") }
    /// The organisations that reservations are made in.
    var organisations: URL { folder.appending(path: "organisations") }
    /// The first of the organisations alone.
    var organisation: URL { folder.appending(path: "organisation") }
    private var serviceKey: URL { folder.appending(path: "service-key") }

    /// Accounts whose tokens are used in turn.
    private static let signedIn = 64

    /// Registers accounts with subscriptions, and creates a service key that may reserve in every organisation.
    func make(organisations count: Int, in app: App) async throws {
        var (tokens, organisations) = ([String](), [String]())
        for index in 0..<count {
            let account = try await app.registerSubscriber(Accounts.email(index), plan: BenchServer.plan)
            tokens.append(account.token)
            organisations.append(account.organisation)
        }
        try write(tokens.prefix(Self.signedIn), to: self.tokens)
        try write(organisations: organisations)
        try write([try await newServiceKey(in: app)], to: serviceKey)
    }

    func write(organisations: [String]) throws {
        try write(organisations, to: self.organisations)
        try write(organisations.prefix(1), to: organisation)
    }

    /// The text of the service key.
    func key() throws -> String { try String(contentsOf: serviceKey, encoding: .utf8) }

    private func newServiceKey(in app: App) async throws -> String {
        let key = try await app.post(
            "/v1/admin/service-keys", ["name": "bench", "scopes": ["reservations:write"]],
            token: try await app.signedInAdministrator())
        guard let text = key["service_key"]?.string else {
            throw UnexpectedStatus(path: "/v1/admin/service-keys", status: 201)
        }
        return text
    }

    private func write(_ lines: some Sequence<String>, to file: URL) throws {
        try lines.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
    }
}
