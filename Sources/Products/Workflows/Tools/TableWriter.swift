import Modules

/// Writes a table, no further than an output may be long.
struct TableWriter {
    private var bytes: [UInt8] = []

    /// - Throws: ``StepFailure`` for a text that is too long.
    static func csv(_ table: Table) throws(StepFailure) -> String {
        var writer = TableWriter()
        writer.append(line: table.columns)
        for row in table.rows {
            writer.append(line: row.map(\.cellText))
            try writer.check()
        }
        return writer.text
    }

    /// The members of each object in the order of their names, numbers with the digits that were read.
    /// - Throws: ``StepFailure`` for a text that is too long.
    static func json(_ table: Table) throws(StepFailure) -> String {
        let members = members(of: table)
        var writer = TableWriter()
        writer.bytes.append(UInt8(ascii: "["))
        for (number, row) in table.rows.enumerated() {
            if number > 0 { writer.bytes.append(UInt8(ascii: ",")) }
            writer.append(row, members)
            try writer.check()
        }
        writer.bytes.append(UInt8(ascii: "]"))
        return writer.text
    }

    private var text: String { String(decoding: bytes, as: UTF8.self) }

    private func check() throws(StepFailure) {
        guard bytes.count <= StepService.outputBytesMax else {
            throw StepFailure(
                .resourceExhaustion, "The output has more than \(StepService.outputBytesMax) bytes.")
        }
    }

    // MARK: CSV

    private mutating func append(line cells: [String]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            guard cell.utf8.contains(where: { Self.special.contains($0) }) else {
                bytes.append(contentsOf: cell.utf8)
                continue
            }
            bytes.append(Self.quote)
            for byte in cell.utf8 {
                if byte == Self.quote { bytes.append(byte) }
                bytes.append(byte)
            }
            bytes.append(Self.quote)
        }
        bytes.append(UInt8(ascii: "\n"))
    }

    private static let quote = UInt8(ascii: "\"")
    private static let special = [quote, UInt8(ascii: ","), UInt8(ascii: "\n"), UInt8(ascii: "\r")]

    // MARK: JSON

    /// A column with its name as it is written.
    private struct Member {
        let index: Int
        let prefix: [UInt8]
    }

    /// The columns in the order of their names, the first one of each name.
    private static func members(of table: Table) -> [Member] {
        let names = table.columns.map { TextBytes($0) }
        var seen: Set<TextBytes> = []
        let indices = names.indices.filter { seen.insert(names[$0]).inserted }.sorted { names[$0] < names[$1] }
        return indices.map { index in
            var prefix: [UInt8] = []
            prefix.append(jsonString: table.columns[index])
            prefix.append(UInt8(ascii: ":"))
            return Member(index: index, prefix: prefix)
        }
    }

    private mutating func append(_ row: [JSONValue?], _ members: [Member]) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        for member in members {
            guard let value = row[member.index] else { continue }
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            bytes.append(contentsOf: member.prefix)
            bytes.append(json: value, sortsMembers: true)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}
