/// A request that is measured: of the gate, of a baseline or of a peer.
struct GateCall: Hashable, Sendable {
    let title: String
    let method: String
    let path: String
    let caller: Caller

    enum Caller: Sendable {
        case anonymous
        /// Accounts, in turn.
        case accounts
        /// A service key in one organisation.
        case serviceInOne
        /// A service key in every organisation, in turn.
        case serviceInMany
    }

    private init(_ title: String, _ method: String, _ path: String, _ caller: Caller) {
        (self.title, self.method, self.path, self.caller) = (title, method, path, caller)
    }

    static let hello = GateCall("hello", "GET", "/hello", .anonymous)
    static let health = GateCall("GET /health", "GET", "/health", .anonymous)
    static let profile = GateCall("GET /v1/auth/profile", "GET", "/v1/auth/profile", .accounts)
    static let gated = GateCall("role, rate, subscription and quota, no read", "GET", "/v1/bench/gated", .accounts)
    static let usage = GateCall("GET /v1/usage", "GET", "/v1/usage", .accounts)
    static let sessions = GateCall(
        "GET /v1/training/list-sessions", "GET", "/v1/training/list-sessions", .accounts)
    static let draw = GateCall("POST, a unit spent", "POST", "/v1/bench/draw", .accounts)
    static let spending = GateCall(
        "POST, a unit spent in a product's transaction", "POST", "/v1/bench/spending", .accounts)
    static let reservationInOne = GateCall(
        "POST reservation, 1 organisation", "POST", "/v1/entitlements/reservations", .serviceInOne)
    static let reservationInMany = GateCall(
        "POST reservation, all organisations", "POST", "/v1/entitlements/reservations", .serviceInMany)

    static let reads = [profile, gated, usage, sessions]
    static let writes = [draw, spending, reservationInOne, reservationInMany]

    /// Of a peer.
    static let peerRead = GateCall("GET, role, subscription and quota read", "GET", "/api/read", .accounts)
    static let peerWrite = GateCall("POST, the same and a unit spent", "POST", "/api/consume", .accounts)
}
