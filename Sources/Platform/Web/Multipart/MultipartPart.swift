import Base
import NIOCore

/// The header of one part of a form.
package struct MultipartPart: Sendable, Equatable {
    /// The name of the field.
    package let name: String
    /// The last path component of the file name. Nil for a plain field; empty for a file field without a chosen file.
    package let filename: String?
    /// As sent by the client, such as `text/csv; charset=utf-8`.
    package let contentType: String?

    package init(name: String, filename: String? = nil, contentType: String? = nil) {
        self.name = name
        self.filename = filename
        self.contentType = contentType
    }

    /// - Throws: `invalid-payload` where the header is ambiguous or malformed.
    init(header: ByteBuffer) throws(Problem) {
        let fields = try Self.fields(header)
        guard let disposition = fields["content-disposition"].flatMap({ ParameterisedValue($0) }),
            disposition.value.lowercased() == "form-data",
            let name = disposition.parameters["name"], !name.isEmpty
        else { throw Self.refused("has no Content-Disposition of form-data with a name.") }
        // RFC 7578 §4.7 deprecates other encodings.
        if let encoding = fields["content-transfer-encoding"]?.lowercased(),
            !["7bit", "8bit", "binary"].contains(encoding)
        {
            throw Self.refused("has a Content-Transfer-Encoding, which a form does not have.")
        }
        var filename = disposition.parameters["filename"]
        if let extended = disposition.parameters["filename*"] {
            guard let decoded = ParameterisedValue.decode(extended: extended) else {
                throw Self.refused("has a file name that cannot be decoded.")
            }
            filename = decoded
        }
        guard Self.isPrintable(name), filename.map(Self.isPrintable) ?? true else {
            throw Self.refused("has control characters in its name.")
        }
        self.name = name
        self.filename = filename.map {
            String($0.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "\\" }.last ?? "")
        }
        contentType = fields["content-type"]
    }

    /// The header fields by lower-case name.
    private static func fields(_ header: ByteBuffer) throws(Problem) -> [String: String] {
        guard let text = String(validating: header.readableBytesView, as: UTF8.self) else {
            throw refused("has a header that is not UTF-8.")
        }
        var fields: [String: String] = [:]
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            // CR LF ends every line but the last, which ends with the header. A lone CR or LF ends no line.
            let isLast = index == lines.count - 1
            guard isLast || line.last == UInt8(ascii: "\r") else { throw refused("has a malformed header.") }
            let line = isLast ? line : line.dropLast()
            guard line.allSatisfy({ $0 >= 32 && $0 != 127 || $0 == UInt8(ascii: "\t") }),
                let colon = line.firstIndex(of: UInt8(ascii: ":"))
            else {
                throw refused("has a malformed header.")
            }
            // White space before the colon or at the start of a line (obs-fold) is read differently by different
            // parsers.
            let name = line[..<colon]
            guard !name.isEmpty, name.allSatisfy({ (33..<127).contains($0) }) else {
                throw refused("has a malformed header.")
            }
            let key = Substring(name).lowercased()
            guard fields.updateValue(String(line[line.index(after: colon)...].trimmed), forKey: key) == nil else {
                throw refused("has the header \(key) twice.")
            }
        }
        return fields
    }

    private static func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
    }

    private static func refused(_ reason: String) -> Problem {
        Problem(.invalidPayload, detail: "A part of the form \(reason)")
    }
}
