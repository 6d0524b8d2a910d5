/// An event of a stream: HTML, section 9.2.
package struct ServerSentEvent: Sendable, Hashable {
    package let name: String
    /// The lines, with a line feed between them.
    package let data: [UInt8]
}

/// Reads events out of chunks that begin and end anywhere.
package struct ServerSentEventReader: Sendable {
    package struct TooLarge: Error {}

    private let eventBytesMax: Int
    private var line: [UInt8] = []
    private var name: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    /// Also counts lines that are ignored, so that a comment without an end is bounded too.
    private var eventBytes = 0
    private var endedByReturn = false
    private var isFirstLine = true

    /// - Parameter eventBytesMax: of the lines of one event.
    package init(eventBytesMax: Int) { self.eventBytesMax = eventBytesMax }

    /// - Returns: the events that end in these bytes. One that does not end is not an event.
    package mutating func read(_ bytes: some Sequence<UInt8>) throws(TooLarge) -> [ServerSentEvent] {
        // The bytes of a buffer are read where they are.
        let events = bytes.withContiguousStorageIfAvailable { buffer in
            Result { () throws(TooLarge) in try read(buffer) }
        }
        guard let events else { return try read(Array(bytes)) }
        return try events.get()
    }

    private mutating func read(_ bytes: UnsafeBufferPointer<UInt8>) throws(TooLarge) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        var start = bytes.startIndex
        while start < bytes.endIndex {
            // A return and a line feed are one end.
            let completesEnd = endedByReturn && bytes[start] == UInt8(ascii: "\n")
            endedByReturn = false
            if completesEnd {
                start += 1
                continue
            }
            let end = bytes[start...].firstIndex { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
            try append(bytes[start..<(end ?? bytes.endIndex)])
            guard let end else { break }
            endedByReturn = bytes[end] == UInt8(ascii: "\r")
            if let event = endLine() { events.append(event) }
            start = end + 1
        }
        return events
    }

    private mutating func append(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) throws(TooLarge) {
        eventBytes += bytes.count
        guard eventBytes <= eventBytesMax else { throw TooLarge() }
        line.append(contentsOf: bytes)
    }

    private mutating func endLine() -> ServerSentEvent? {
        if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        isFirstLine = false
        defer { line.removeAll(keepingCapacity: true) }
        guard line.isEmpty else {
            readField()
            return nil
        }
        defer {
            name = []
            data = []
            hasData = false
            eventBytes = 0
        }
        guard hasData else { return nil }
        return ServerSentEvent(name: name.isEmpty ? "message" : String(decoding: name, as: UTF8.self), data: data)
    }

    private mutating func readField() {
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[colon...].dropFirst()
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        switch String(decoding: line[..<colon], as: UTF8.self) {
        case "data":
            if hasData { data.append(UInt8(ascii: "\n")) }
            data += value
            hasData = true
        case "event": name = Array(value)
        default: break
        }
    }
}
