/// Reads the records of CSV (RFC 4180), with line feeds alone accepted between them.
struct CSVReader {
    private var bytes: Substring.UTF8View

    init(_ text: String) {
        var rest = text[...]
        if rest.hasPrefix("\u{FEFF}") { rest = rest.dropFirst() }
        bytes = rest.utf8
    }

    /// - Returns: nil at the end. Empty lines are left out.
    /// - Throws: ``StepFailure`` for a quoted cell without an end.
    mutating func next() throws(StepFailure) -> [String]? {
        while let first = bytes.first, first == Self.lineFeed || first == Self.carriageReturn { bytes.removeFirst() }
        guard !bytes.isEmpty else { return nil }
        var cells: [String] = []
        while true {
            cells.append(try cell())
            switch bytes.popFirst() {
            case Self.comma: continue
            case Self.carriageReturn:
                if bytes.first == Self.lineFeed { bytes.removeFirst() }
                return cells
            default: return cells
            }
        }
    }

    private mutating func cell() throws(StepFailure) -> String {
        guard bytes.first == Self.quote else {
            let end = bytes.firstIndex { $0 == Self.comma || $0 == Self.lineFeed || $0 == Self.carriageReturn }
            let plain = bytes[..<(end ?? bytes.endIndex)]
            bytes = bytes[(end ?? bytes.endIndex)...]
            return String(decoding: Array(plain), as: UTF8.self)
        }
        bytes.removeFirst()
        var text: [UInt8] = []
        while let byte = bytes.popFirst() {
            guard byte == Self.quote else {
                text.append(byte)
                continue
            }
            guard bytes.first == Self.quote else {
                // What follows the quote up to the comma is not part of RFC 4180; it is kept.
                while let byte = bytes.first, byte != Self.comma, byte != Self.lineFeed, byte != Self.carriageReturn {
                    text.append(byte)
                    bytes.removeFirst()
                }
                return String(decoding: text, as: UTF8.self)
            }
            text.append(byte)
            bytes.removeFirst()
        }
        throw StepFailure(.toolError, "A quoted cell of the table has no end.")
    }

    private static let comma = UInt8(ascii: ",")
    private static let quote = UInt8(ascii: "\"")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")
}
