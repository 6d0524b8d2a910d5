/// The range of a body that a request asks for (RFC 9110, section 14).
enum ByteRange: Equatable {
    /// The whole body: also for a field that cannot be read, names another unit, or has several ranges (section 14.2
    /// lets a server ignore it).
    case whole
    case part(Range<Int64>)
    /// The body has no byte of the range.
    case unsatisfiable

    /// - Parameters:
    ///   - field: the request's `Range`.
    ///   - size: of the body, in bytes.
    init(_ field: String?, size: Int64) {
        guard let field, field.utf8.count <= Self.fieldBytesMax, let equals = field.firstIndex(of: "="),
            field[..<equals].lowercased() == "bytes"
        else {
            self = .whole
            return
        }
        let text = field[field.index(after: equals)...].filter { $0 != " " && $0 != "\t" }
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count == 2, bounds.contains(where: { !$0.isEmpty }), bounds.allSatisfy(Self.isNumber) else {
            self = .whole
            return
        }
        // Numbers beyond 64 bits are beyond every body.
        let (first, last) = (Int64(bounds[0]) ?? .max, Int64(bounds[1]) ?? .max)
        if bounds[0].isEmpty {
            // The last bytes.
            self = last == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - last)..<size)
        } else if !bounds[1].isEmpty, last < first {
            self = .whole
        } else {
            self = first >= size ? .unsatisfiable : .part(first..<(bounds[1].isEmpty ? size : min(last, size - 1) + 1))
        }
    }

    private static let fieldBytesMax = 100

    private static func isNumber(_ text: Substring) -> Bool { text.utf8.allSatisfy { (48...57).contains($0) } }
}
