import Modules

/// The data of the first packet of Engine.IO.
struct EngineIOOpening: Payload {
    let sid: String
    let upgrades: [String]
    /// In milliseconds.
    let pingInterval: Int64
    let pingTimeout: Int64
    /// In bytes.
    let maxPayload: Int

    static var naming: Naming { .asDeclared }

    init(_ id: String, isUpgradable: Bool, timing: EngineIOTiming) {
        sid = id
        upgrades = isUpgradable ? ["websocket"] : []
        pingInterval = timing.pingInterval.microseconds / 1_000
        pingTimeout = timing.pingTimeout.microseconds / 1_000
        maxPayload = EngineIOPayload.bytesMax
    }
}

/// The data of `CONNECT`, when the server accepts it.
struct SocketIOConnected: Payload {
    let sid: String
}

/// The data of `CONNECT_ERROR`.
struct SocketIORefusal: Payload {
    let message: String
    let data: Details

    struct Details: Payload {
        /// The code of a problem.
        let code: String
        let status: Int
    }

    init(_ problem: Problem) {
        message = problem.detail ?? problem.title
        data = Details(code: problem.kind.code, status: problem.kind.status)
    }
}
