import Base

/// What the server does in place of its usual response.
package struct TestAWSFault: Sendable {
    let json: JSONValue

    private init(_ kind: String, _ action: String?, _ count: Int, _ members: [String: JSONValue] = [:]) {
        var all = members
        all["kind"] = .string(kind)
        all["count"] = .integer(Int64(count))
        if let action { all["action"] = .string(action) }
        json = .object(all)
    }

    /// This response; the action is not executed.
    /// - Parameters:
    ///   - repeated: how often the body contains `body`.
    ///   - action: of the requests concerned; nil for all.
    ///   - count: the requests concerned.
    package static func response(
        _ status: Int, _ body: String, repeated: Int = 1, headers: [String: String] = [:], action: String? = nil,
        count: Int = 1
    ) -> Self {
        Self(
            "response", action, count,
            [
                "status": .integer(Int64(status)), "body": .string(body), "repeat": .integer(Int64(repeated)),
                "headers": .object(headers.mapValues { .string($0) }),
            ])
    }

    /// An error response in the form of EC2.
    package static func error(
        _ status: Int, _ code: String, _ message: String = "", headers: [String: String] = [:], action: String? = nil,
        count: Int = 1
    ) -> Self {
        response(
            status,
            "<Response><Errors><Error><Code>\(code)</Code><Message>\(message)</Message></Error></Errors>"
                + "<RequestID>0a1b</RequestID></Response>",
            headers: headers, action: action, count: count)
    }

    /// The action is executed, then the connection is closed without a response.
    package static func lost(action: String? = nil, count: Int = 1) -> Self { Self("lost", action, count) }

    /// The connection is closed without a response, and the action is not executed.
    package static func closed(action: String? = nil, count: Int = 1) -> Self { Self("closed", action, count) }

    /// The action is executed this many seconds after its request.
    package static func delayed(_ seconds: Int, action: String? = nil, count: Int = 1) -> Self {
        Self("delayed", action, count, ["seconds": .integer(Int64(seconds))])
    }

    /// There is no response, and the connection stays open.
    package static func silent(action: String? = nil, count: Int = 1) -> Self { Self("silent", action, count) }
}
