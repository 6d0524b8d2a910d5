import App
import Modules

/// A temporary schema in an existing PostgreSQL database, which holds all tables of the tour.
struct TourSchema {
    let databaseURL: String
    private let name = "gatehouse_tour_" + String(UInt64.random(in: .min ... .max), radix: 36)

    init(databaseURL: String) { self.databaseURL = databaseURL }

    /// Creates the schema, runs `body`, and drops the schema, also after an error.
    /// - Parameter body: gets the URL of the database with the schema as its search path.
    func use(_ body: (String) async throws -> Void) async throws {
        try await execute("CREATE SCHEMA \"\(name)\"")
        do {
            try await body(urlWithSearchPath)
        } catch {
            try? await execute("DROP SCHEMA \"\(name)\" CASCADE")
            throw error
        }
        try await execute("DROP SCHEMA \"\(name)\" CASCADE")
    }

    /// `migrate` runs in a transaction, which PostgreSQL allows for DDL.
    private func execute(_ text: String) async throws {
        var configuration = Configuration()
        configuration.databaseURL = databaseURL
        configuration.poolTimeout = .seconds(5)
        try await withOpenDatabase(configuration) { database in
            _ = try await database.migrate { try $0.execute(SQL(trusted: text)) }
        }
    }

    /// libpq sends `options` to the server at the start of a session; existing options are kept.
    private var urlWithSearchPath: String {
        let setting = "-csearch_path%3D\(name)"
        guard let mark = databaseURL.firstIndex(of: "?") else { return "\(databaseURL)?options=\(setting)" }
        var items = databaseURL[databaseURL.index(after: mark)...].split(separator: "&").map(String.init)
        if let index = items.firstIndex(where: { $0.hasPrefix("options=") }) {
            items[index] += "%20\(setting)"
        } else {
            items.append("options=\(setting)")
        }
        return databaseURL[...mark] + items.joined(separator: "&")
    }
}
