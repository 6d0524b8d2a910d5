import Storage

/// The kinds of jobs that a runner has workers for, as its statements compare them: in their text, because each pass
/// would bind a value for each kind several times.
struct JobKinds: Sendable, ExpressibleByArrayLiteral {
    let names: [String]
    /// `('a', 'b')`, for `kind IN`.
    let list: SQL

    /// - Parameter names: of letters and digits of ASCII, hyphens, full stops and underscores.
    init(_ names: [String]) {
        for name in names {
            precondition(
                !name.isEmpty && name.utf8.allSatisfy(Self.isAllowed), "'\(name)' cannot be the name of a job")
        }
        self.names = names
        list = SQL(trusted: names.isEmpty ? "(NULL)" : "('\(names.joined(separator: "', '"))')")
    }

    init(arrayLiteral names: String...) { self.init(names) }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
