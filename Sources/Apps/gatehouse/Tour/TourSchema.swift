import App
import Modules

/// A schema of its own in somebody's PostgreSQL database: tables are made and found there, and it is dropped in the end.
struct TourSchema {
    let databaseURL: String
    private let name = "gatehouse_tour_" + String(UInt64.random(in: .min ... .max), radix: 36)

    init(databaseURL: String) { self.databaseURL = databaseURL }

    /// - Parameter body: is given the address of the database with the schema as its search path.
    func use(_ body: (String) async throws -> Void) async throws {
        try await execute("CREATE SCHEMA \"\(name)\"")
        do {
            try await body(addressWithSearchPath)
        } catch {
            try? await execute("DROP SCHEMA \"\(name)\" CASCADE")
            throw error
        }
        try await execute("DROP SCHEMA \"\(name)\" CASCADE")
    }

    /// DDL runs in transactions in PostgreSQL, so the driver's own verb will do; this one waits for no other's locks.
    private func execute(_ text: String) async throws {
        var configuration = Configuration()
        configuration.databaseURL = databaseURL
        configuration.poolTimeout = .seconds(5)
        let database = try openDatabase(configuration)
        do {
            try await database.migrate { try $0.execute(SQL(trusted: text)) }
            await database.close()
        } catch {
            await database.close()
            throw error
        }
    }

    /// libpq hands `options` to the server when a session begins; options that are there already are kept.
    private var addressWithSearchPath: String {
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
