import Modules

/// A packet of Socket.IO, revision 5 of its protocol (github.com/socketio/socket.io-protocol): a digit, a namespace
/// unless it is `/`, the number of an acknowledgement, and JSON. Packets with binary attachments are not accepted.
struct SocketIOPacket: Sendable, Equatable {
    enum Kind: UInt8, Sendable, CaseIterable {
        case connect = 0
        case disconnect = 1
        case event = 2
        case acknowledgement = 3
        case connectError = 4
    }

    let kind: Kind
    let namespace: String
    /// Of an event that asks for an acknowledgement, and of the acknowledgement.
    let id: Int?
    /// JSON.
    let data: String?

    static let mainNamespace = "/"
    /// Digits of ``id``.
    private static let idDigitsMax = 15

    init(_ kind: Kind, in namespace: String = mainNamespace, id: Int? = nil, data: String? = nil) {
        self.kind = kind
        self.namespace = namespace
        self.id = id
        self.data = data
    }

    /// - Returns: nil for a malformed or binary packet. The JSON is not parsed.
    init?(text: String) {
        var rest = Substring(text)
        guard let digit = rest.utf8.first, digit >= UInt8(ascii: "0"),
            let kind = Kind(rawValue: digit - UInt8(ascii: "0"))
        else { return nil }
        rest = rest.dropFirst()
        self.kind = kind
        if rest.hasPrefix("/") {
            let name = rest.prefix { $0 != "," }
            rest = rest.dropFirst(name.count + 1)
            // Clients of older revisions send the query of the URL too.
            namespace = String(name.prefix { $0 != "?" })
        } else {
            namespace = Self.mainNamespace
        }
        let digits = rest.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard digits.count <= Self.idDigitsMax else { return nil }
        id = Int(String(Substring(digits)))
        rest = rest[digits.endIndex...]
        data = rest.isEmpty ? nil : String(rest)
    }

    var text: String {
        var text = "\(kind.rawValue)"
        if namespace != Self.mainNamespace { text += "\(namespace)," }
        if let id { text += "\(id)" }
        return text + (data ?? "")
    }

    /// The parsed JSON; nil where there is none or it is malformed.
    var value: JSONValue? { data.flatMap { try? JSONValue(parsing: Array($0.utf8)) } }
}
