import Base

/// A response, and how it reaches the client.
struct TestStripeResponse: Sendable {
    enum Delivery: Sendable {
        case now
        /// After the time that a provider takes.
        case after(Duration)
        case held(TestStripeHold)
        /// The second half of the body is held back.
        case halfHeld(TestStripeHold)
        /// The connection is closed without a response.
        case lost
    }

    var status: Int
    var body: [UInt8]
    var contentType = "application/json"
    var headers: [(String, String)] = []
    var delivery = Delivery.now

    init(status: Int, _ value: JSONValue) {
        self.status = status
        body = []
        body.append(json: value)
    }
}
