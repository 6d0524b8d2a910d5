import Base

/// A response, and how it reaches the client.
struct TestStripeResponse: Sendable {
    enum Delivery: Sendable {
        case now
        case after(Duration)
        /// The second half of the body after a time.
        case inHalves(Duration)
        /// The connection is closed without a response.
        case lost
    }

    var status: Int
    var body: [UInt8]
    var contentType = "application/json"
    var headers: [(String, String)] = []
    var delivery = Delivery.now
    /// Called before a delayed response is sent.
    var onSent: (@Sendable () -> Void)?

    init(status: Int, _ value: JSONValue) {
        self.status = status
        body = []
        body.append(json: value)
    }
}
