import Base
import Modules
import Testing

@testable import Identity

/// The state machine of a session, without a database.
@Suite struct SessionStateTests {
    private static let start = Instant(seconds: 1_700_000_000)

    private func session(counter: Int64, revokedAt: Instant? = nil, lastUsedAt: Instant = start) throws -> Session {
        let columns = Row.Columns([
            "id", "person_id", "organisation_id", "sealed_key", "counter", "rotated_at", "last_used_at", "created_at",
            "expires_at", "revoked_at",
        ])
        let id = "0194c0de-0000-7000-8000-0123456789ab"
        let values: [SQL.Value] = [
            .text(id), .text(id), .text(id), .text("sealed"), .integer(counter), Self.start.sqlValue,
            lastUsedAt.sqlValue, Self.start.sqlValue,
            (Self.start + Session.absoluteLifetime).sqlValue, revokedAt?.sqlValue ?? .null,
        ]
        return try Session(row: Row(columns: columns, values: values))
    }

    @Test(arguments: [
        (5, 0, Session.Move.rotate), (5, 86_400, .rotate), (4, 0, .replay), (4, 30, .replay), (4, 31, .reuse),
        (3, 0, .reuse), (0, 0, .reuse), (-1, 0, .reuse),
        (6, 0, .ended), (Int64.max, 0, .ended), (Int64.min, 0, .reuse),
    ])
    func `the move depends on the counter and the time since the rotation`(
        _ presented: Int64, _ seconds: Int64, _ move: Session.Move
    ) throws {
        #expect(try session(counter: 5).move(presenting: presented, at: Self.start + .seconds(seconds)) == move)
    }

    @Test(arguments: [4, 5, 3] as [Int64])
    func `a revoked or expired session accepts no token`(_ presented: Int64) throws {
        #expect(try session(counter: 5, revokedAt: Self.start).move(presenting: presented, at: Self.start) == .ended)
        #expect(try session(counter: 5).move(presenting: presented, at: Self.start + .days(30)) == .ended)
        let busy = try session(counter: 5, lastUsedAt: Self.start + .days(89))
        #expect(busy.move(presenting: 5, at: Self.start + .days(90) - .seconds(1)) == .rotate)
        #expect(busy.move(presenting: presented, at: Self.start + .days(90)) == .ended)
    }
}
