/// Splits a line into columns; a column may be in double quotes.
final class FieldSplitter {
    /// The largest number of columns of a row.
    static let columnsMax = 100

    private let delimiter: UInt8
    private let starts: UnsafeMutablePointer<Int>
    private let ends: UnsafeMutablePointer<Int>
    private(set) var count = 0

    init(_ delimiter: SeriesReport.Delimiter) {
        self.delimiter = delimiter.byte
        starts = .allocate(capacity: Self.columnsMax)
        ends = .allocate(capacity: Self.columnsMax)
    }

    deinit {
        starts.deallocate()
        ends.deallocate()
    }

    static func tooManyColumns(line: Int) -> SeriesFault {
        SeriesFault(
            .tooManyColumns,
            "Line \(line) has more than \(columnsMax) columns. Keep the time and the value, and leave the others out.",
            line: line)
    }

    /// Splits a line; `field(_:of:)` then returns its columns.
    func split(_ line: UnsafeBufferPointer<UInt8>, number: Int) throws(SeriesFault) {
        count = 0
        guard let bytes = line.baseAddress else { return }
        let length = line.count
        var index = 0
        while true {
            guard count < Self.columnsMax else { throw Self.tooManyColumns(line: number) }
            var first = index
            while first < length, bytes[first] == UInt8(ascii: " ") { first += 1 }
            if first < length, bytes[first] == UInt8(ascii: "\"") {
                first += 1
                var last = first
                while last < length, bytes[last] != UInt8(ascii: "\"") { last += 1 }
                starts[count] = first
                ends[count] = last
                index = last
                while index < length, bytes[index] != delimiter { index += 1 }
            } else {
                while index < length, bytes[index] != delimiter { index += 1 }
                starts[count] = first
                ends[count] = index
            }
            count += 1
            if index >= length { return }
            index += 1
        }
    }

    /// A column of the last line split, without surrounding spaces; empty where the row is too short.
    func field(_ column: Int, of line: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        guard column < count else { return UnsafeBufferPointer(start: nil, count: 0) }
        let first = min(starts[column], ends[column])
        var last = ends[column]
        while last > first, line[last - 1] == UInt8(ascii: " ") || line[last - 1] == UInt8(ascii: "\t") { last -= 1 }
        return UnsafeBufferPointer(rebasing: line[first..<last])
    }
}
