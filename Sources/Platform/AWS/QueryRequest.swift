/// A request of the Query protocol: an action of a service, with parameters as a form.
struct QueryRequest: Sendable {
    /// The service in host names and in signatures, such as `ec2`.
    let service: String
    let version: String
    let action: String
    private(set) var parameters: [(name: String, value: String)] = []
    /// Whether a second execution changes nothing: reads, and actions with a client token.
    let isRepeatable: Bool
    /// Whether it has the shorter times of ``AWSClient/Settings/checkTimeout``.
    let isCheck: Bool

    init(service: String, version: String, action: String, isRepeatable: Bool = true, isCheck: Bool = false) {
        self.service = service
        self.version = version
        self.action = action
        self.isRepeatable = isRepeatable
        self.isCheck = isCheck
    }

    /// The name of the action in policies.
    var policyAction: String { "\(service):\(action)" }

    mutating func set(_ name: String, _ value: String?) {
        if let value { parameters.append((name, value)) }
    }

    /// `Name.1`, `Name.2` and so on.
    mutating func set(_ name: String, list: [String]) {
        for (index, value) in list.enumerated() { set("\(name).\(index + 1)", value) }
    }

    /// `application/x-www-form-urlencoded`.
    var body: [UInt8] {
        let fields = [("Action", action), ("Version", version)] + parameters.map { ($0.name, $0.value) }
        return Array(fields.map { "\(Self.encoded($0.0))=\(Self.encoded($0.1))" }.joined(separator: "&").utf8)
    }

    private static func encoded(_ text: String) -> String {
        RequestSignature.encoded(text).replacing("%20", with: "+")
    }
}
