import Foundation

/// Reads a text file of any supported encoding line by line through a fixed buffer, as bytes of an ASCII superset.
///
/// UTF-16 is converted to UTF-8. Windows-1252 and Latin-1 are not converted: the digits of timestamps and numbers are
/// the same bytes.
final class TextLines {
    /// The largest length of a line, in bytes.
    static let lineBytesMax = 64 * 1024
    private static let capacity = 4 * lineBytesMax

    /// The encoding detected so far: the first byte that is not UTF-8 may occur late in a file.
    private(set) var encoding: SeriesReport.Encoding
    /// The number of the last line returned, from 1.
    private(set) var number = 0
    /// The number of bytes read from the file.
    private(set) var bytesRead = 0
    /// The size of the file, in bytes.
    let bytesTotal: Int

    private let path: String
    private let descriptor: Int32
    private let text: UnsafeMutablePointer<UInt8>
    private let raw: UnsafeMutablePointer<UInt8>
    private var start = 0
    private var end = 0
    private var isAtEnd = false
    private var mayHoldHighBytes = false
    private var lineBreak = UInt8(ascii: "\n")
    /// An odd byte, or the first half of a surrogate pair, at the end of the last read.
    private var pendingByte: UInt8?
    private var pendingSurrogate: UInt16?

    init(_ url: URL) throws {
        path = url.path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFault("open", path) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let number = errno
            close(descriptor)
            throw FileFault("read", path, number: number)
        }
        bytesTotal = Int(status.st_size)
        text = .allocate(capacity: Self.capacity)
        raw = .allocate(capacity: Self.capacity)
        encoding = .utf8
        try detectEncoding()
        try fill()
        let first = UnsafeBufferPointer(start: text, count: end)
        if !first.contains(UInt8(ascii: "\n")), first.contains(UInt8(ascii: "\r")) { lineBreak = UInt8(ascii: "\r") }
    }

    deinit {
        close(descriptor)
        text.deallocate()
        raw.deallocate()
    }

    /// The next line without its line break, valid until the next call; nil at the end.
    ///
    /// Throws `SeriesFault` for a NUL byte and for a line that is too long, `FileFault` for I/O errors.
    func next() throws -> UnsafeBufferPointer<UInt8>? {
        var searched = start
        while true {
            if let found = memchr(text + searched, Int32(lineBreak), end - searched) {
                let stop = text.distance(to: found.assumingMemoryBound(to: UInt8.self))
                let line = try line(upTo: stop)
                start = stop + 1
                return line
            }
            if end - start > Self.lineBytesMax { throw tooLong() }
            if isAtEnd {
                guard end > start else { return nil }
                let line = try line(upTo: end)
                start = end
                return line
            }
            searched = end - start
            try fill()
        }
    }

    /// Decodes a part of a line.
    func string(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        if let string = String(validating: bytes, as: UTF8.self) { return string }
        let scalars = bytes.map { (0x80...0x9f).contains($0) ? Self.windows1252[Int($0) - 0x80] : Unicode.Scalar($0) }
        return String(String.UnicodeScalarView(scalars))
    }

    private func line(upTo stop: Int) throws -> UnsafeBufferPointer<UInt8> {
        if stop - start > Self.lineBytesMax { throw tooLong() }
        number += 1
        var last = stop
        if last > start, text[last - 1] == UInt8(ascii: "\r") { last -= 1 }
        let line = UnsafeBufferPointer(start: text + start, count: last - start)
        if mayHoldHighBytes, encoding == .utf8 || encoding == .utf8WithMark,
            String(validating: line, as: UTF8.self) == nil
        {
            encoding = .windows1252
        }
        return line
    }

    private func tooLong() -> SeriesFault {
        let line = UnsafeBufferPointer(start: text + start, count: min(end - start, Self.lineBytesMax))
        for delimiter in SeriesReport.Delimiter.allCases
        where line.lazy.filter({ $0 == delimiter.byte }).count >= FieldSplitter.columnsMax {
            return FieldSplitter.tooManyColumns(line: number + 1)
        }
        return SeriesFault(
            .lineTooLong,
            "Line \(number + 1) is longer than \(Self.lineBytesMax / 1024) KiB. "
                + "Upload a CSV file with one short row for each time.",
            line: number + 1
        )
    }

    // MARK: Reading

    private func detectEncoding() throws {
        let count = pread(descriptor, raw, 4096, 0)
        guard count >= 0 else { throw FileFault("read", path) }
        let head = UnsafeBufferPointer(start: raw, count: count)
        if head.starts(with: [0xef, 0xbb, 0xbf]) {
            encoding = .utf8WithMark
            lseek(descriptor, 3, SEEK_SET)
        } else if head.starts(with: [0xff, 0xfe]) {
            encoding = .utf16LittleEndian
            lseek(descriptor, 2, SEEK_SET)
        } else if head.starts(with: [0xfe, 0xff]) {
            encoding = .utf16BigEndian
            lseek(descriptor, 2, SEEK_SET)
        } else if count >= 8 {
            // UTF-16 without a byte order mark: in mostly ASCII text nearly every second byte is 0, at even or at odd
            // positions.
            let even = stride(from: 0, to: count - 1, by: 2).lazy.filter { head[$0] == 0 }.count
            let odd = stride(from: 1, to: count, by: 2).lazy.filter { head[$0] == 0 }.count
            if even == 0, odd > count / 2 * 8 / 10 { encoding = .utf16LittleEndian }
            if odd == 0, even > count / 2 * 8 / 10 { encoding = .utf16BigEndian }
        }
    }

    /// Moves the rest of the buffer to its front and reads more behind it.
    private func fill() throws {
        if start > 0 {
            memmove(text, text + start, end - start)
            end -= start
            start = 0
        }
        let isWide = encoding == .utf16LittleEndian || encoding == .utf16BigEndian
        // A code unit of UTF-16 becomes at most three bytes of UTF-8, and one may remain from the last read.
        let space = isWide ? (Self.capacity - end) / 3 * 2 - 8 : Self.capacity - end
        let target = isWide ? raw : text + end
        var count = read(descriptor, target, space)
        while count < 0, errno == EINTR { count = read(descriptor, target, space) }
        guard count >= 0 else { throw FileFault("read", path) }
        isAtEnd = count == 0
        bytesRead += count
        let added = end
        if isWide { transcode(count) } else { end += count }
        let fresh = text + added
        if let found = memchr(fresh, 0, end - added) {
            let before = UnsafeBufferPointer(
                start: text, count: text.distance(to: found.assumingMemoryBound(to: UInt8.self)))
            let line = number + 1 + before.lazy.filter { $0 == UInt8(ascii: "\n") }.count
            throw SeriesFault(
                .notText,
                "Line \(line) has a NUL byte, so the file is not a text file. "
                    + "Export the series as CSV: one row for each time, with the time and the value.",
                line: line
            )
        }
        if !mayHoldHighBytes {
            mayHoldHighBytes = Self.hasHighByte(UnsafeRawBufferPointer(start: fresh, count: end - added))
        }
    }

    private func transcode(_ count: Int) {
        var index = 0
        while index < count {
            let byte = raw[index]
            index += 1
            guard let first = pendingByte else {
                pendingByte = byte
                continue
            }
            pendingByte = nil
            let unit =
                encoding == .utf16LittleEndian ? UInt16(byte) << 8 | UInt16(first) : UInt16(first) << 8 | UInt16(byte)
            if unit < 0x80, pendingSurrogate == nil {
                text[end] = UInt8(unit)
                end += 1
            } else {
                encode(unit)
            }
        }
    }

    private func encode(_ unit: UInt16) {
        var scalar = UInt32(unit)
        if let high = pendingSurrogate {
            pendingSurrogate = nil
            if UTF16.isTrailSurrogate(unit) {
                scalar = 0x10000 + (UInt32(high) - 0xd800) << 10 + (UInt32(unit) - 0xdc00)
            }
        } else if UTF16.isLeadSurrogate(unit) {
            pendingSurrogate = unit
            return
        }
        for byte in UTF8.encode(Unicode.Scalar(scalar) ?? "\u{fffd}") ?? UTF8.encodedReplacementCharacter {
            text[end] = byte
            end += 1
        }
    }

    private static func hasHighByte(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        var seen: UInt64 = 0
        while index + 8 <= bytes.count {
            seen |= bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < bytes.count {
            seen |= UInt64(bytes[index])
            index += 1
        }
        return seen & 0x8080_8080_8080_8080 != 0
    }

    /// The bytes 0x80 to 0x9f, where Windows-1252 differs from Latin-1; its five undefined bytes are not changed.
    private static let windows1252 = Array("€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ".unicodeScalars)
}
