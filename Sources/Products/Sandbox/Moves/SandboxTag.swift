import AWS
import Modules

/// The tags of everything that a session makes in AWS.
enum SandboxTag {
    static let sessionKey = "gatehouse:session"
    static let moveKey = "gatehouse:move"

    /// - Parameter id: the internal one, which gives no access.
    static func session(_ id: ID<SandboxSession>) -> EC2Tag { EC2Tag(sessionKey, id.text) }
    static func move(_ id: ID<Move>) -> EC2Tag { EC2Tag(moveKey, id.text) }
}
