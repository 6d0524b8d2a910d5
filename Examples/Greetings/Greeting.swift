import Entitlements
import Identity
import Modules

/// A greeting that an organisation has ordered.
///
/// | state | event | next | reservation |
/// |---|---|---|---|
/// | – | order | queued | reserved |
/// | queued | complete | written | committed |
/// | queued | abandon | failed | released |
/// | written, failed | complete, abandon | the same | unchanged |
struct Greeting: Sendable {
    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case queued, written, failed
    }

    let id: ID<Greeting>
    let organisation: ID<Organisation>
    let name: String
    let state: State
    /// Nil unless the state is `written`.
    let text: String?
    let reservation: ID<Reservation>
    let createdAt: Instant

    /// A new order.
    init(
        id: ID<Greeting>, organisation: ID<Organisation>, name: String, reservation: ID<Reservation>, at now: Instant
    ) {
        self.id = id
        self.organisation = organisation
        self.name = name
        self.reservation = reservation
        state = .queued
        text = nil
        createdAt = now
    }

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        name = try row["name"]
        state = try row["state"]
        text = try row["text"]
        reservation = try row["reservation_id"]
        createdAt = try row["created_at"]
    }

    /// - Throws: a permanent failure for a name without letters.
    func composed() throws -> String {
        guard name.contains(where: \.isLetter) else { throw JobFailure.permanent("The name has no letters.") }
        return "Hello, \(name)!"
    }
}
