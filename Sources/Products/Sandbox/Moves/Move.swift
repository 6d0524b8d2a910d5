import AWS
import Identity
import Modules
import SpotDecisions

/// The replacement of an instance by one in another pool: image, spot launch, health, stop of the old instance. Each
/// step can be repeated, and a step that fails rolls the move back.
struct Move: Sendable {
    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// An image of the old instance is being made.
        case image
        /// The replacement is being launched.
        case launch
        /// The status checks of the replacement are awaited.
        case health
        /// The old instance is being stopped.
        case stop
        /// What was made is being removed, and the old instance started again.
        case rollBack = "roll_back"
        case done
        /// It was rolled back: nothing that it made is left, and the old instance is as before.
        case failed
        /// Its roll-back gave up: something that it made is left, and the old instance may be stopped. The next
        /// decision to switch, or the end of the session, tries it again.
        case incomplete

        var isFinished: Bool { self == .done || self == .failed || self == .incomplete }
    }

    let id: ID<Move>
    let organisation: ID<Organisation>
    let session: ID<SandboxSession>
    let state: State
    /// The instance that is replaced.
    let from: String
    let pool: SpotPool
    /// When the decision was made, in millionths of a US dollar an hour.
    let spotPrice: Int64
    let onDemandPrice: Int64
    let image: String?
    /// The replacement.
    let instance: String?
    let error: String?
    /// Whether the move may have stopped the old instance, and has not started it again.
    let hasStopped: Bool
    let stepAt: Instant

    /// How long a step may wait for AWS.
    static let stepMax = Duration.minutes(20)

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        session = try row["session_id"]
        state = try row["state"]
        from = try row["from_instance_id"]
        pool = SpotPool(try row["instance_type"], try row["availability_zone"])
        spotPrice = try row["spot_price"]
        onDemandPrice = try row["on_demand_price"]
        image = try row["image_id"]
        instance = try row["instance_id"]
        error = try row["error"]
        hasStopped = try row["has_stopped"]
        stepAt = try row["step_at"]
    }

    /// The name of its image, and the client token of its launch.
    var token: String { "gatehouse-\(id)" }

    var tags: [EC2Tag] { [SandboxTag.session(session), SandboxTag.move(id)] }
}
