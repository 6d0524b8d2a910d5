import NIOCore
import TestKit
import Testing

@testable import MessagingRedis

@Suite struct RESPParserTests {
    @Test(arguments: [
        ("+OK\r\n", RESPValue.simple("OK")), ("+\r\n", .simple("")), ("-ERR no\r\n", .error("ERR no")),
        (":0\r\n", .integer(0)), (":-7\r\n", .integer(-7)),
        (":9223372036854775807\r\n", .integer(.max)), (":-9223372036854775808\r\n", .integer(.min)),
        ("$0\r\n\r\n", .bulk(ByteBuffer())),
        ("$4\r\n\r\n\r\n\r\n", .bulk(ByteBuffer(string: "\r\n\r\n"))), ("$-1\r\n", .null), ("*-1\r\n", .null),
        ("*0\r\n", .array([])),
        ("*2\r\n*1\r\n:1\r\n*2\r\n$-1\r\n*0\r\n", .array([.array([.integer(1)]), .array([.null, .array([])])])),
    ])
    func `every type of value is parsed, split at every byte`(text: String, value: RESPValue) throws {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var parser = RESPParser()
            #expect(try parser.read(bytes[..<cut]) == (cut == bytes.count ? [value] : []))
            #expect(try parser.read(bytes[cut...]) == (cut == bytes.count ? [] : [value]))
        }
        var parser = RESPParser()
        #expect(try bytes.flatMap { try parser.read([$0]) } == [value], "byte by byte")
        #expect(try parser.read(bytes + bytes + bytes) == [value, value, value], "several at once")
    }

    @Test func `random values are parsed as written, in random chunks`() throws {
        var random = SplitMix(seed: 20_261_121)
        for _ in 0..<300 {
            let values = (0..<Int.random(in: 1...5, using: &random)).map { _ in RESPValue.any(depth: 4, &random) }
            var rest = values.flatMap(\.wire)[...]
            var parser = RESPParser()
            var parsed: [RESPValue] = []
            while !rest.isEmpty {
                let size = Int.random(in: 1...max(1, min(rest.count, 40)), using: &random)
                parsed += try parser.read(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            #expect(parsed == values)
        }
    }

    @Test(arguments: [
        "x", "?1\r\n", "\r\n", "\n", "+OK\n", "+O\rK\r\n", ":\r\n", ":1a\r\n", ":+\r\n", ":9223372036854775808\r\n",
        ":99999999999999999999999999\r\n",
        "$-2\r\n", "$abc\r\n", "$9223372036854775807\r\n", "$99999999\r\n", "$2\r\nabcd", "$2\r\nab\n\r", "*-2\r\n",
        "*1048577\r\n", "*9223372036854775807\r\n",
        "*1\r\n?\r\n", String(repeating: "*1\r\n", count: 9), "HTTP/1.1 400 Bad Request\r\n",
    ])
    func `protocol violations are refused, split at every byte`(text: String) throws {
        // An incomplete line is refused at its end.
        let bytes = Array((text.contains("\n") ? text : text + "\r\n").utf8)
        for cut in 0...bytes.count {
            #expect(throws: RESPParser.ParseError.self, "cut at \(cut)") {
                var parser = RESPParser()
                _ = try parser.read(bytes[..<cut])
                _ = try parser.read(bytes[cut...])
            }
        }
    }

    @Test func `lines, strings, elements, depth and whole replies have bounds`() {
        var limits = RESPParser.Limits()
        (limits.lineBytes, limits.bulkBytes, limits.elements, limits.depth, limits.replyBytes) = (16, 8, 4, 2, 40)
        func isAccepted(_ text: String) -> Bool {
            var parser = RESPParser(limits: limits)
            return (try? parser.read(Array(text.utf8))) != nil
        }
        #expect(
            isAccepted("+0123456789\r\n") && !isAccepted("+0123456789012345\r\n") && !isAccepted("+01234567890123456"))
        #expect(isAccepted("$8\r\n") && !isAccepted("$9\r\n"))
        #expect(isAccepted("*4\r\n") && !isAccepted("*5\r\n"))
        #expect(isAccepted("*1\r\n*1\r\n:1\r\n") && !isAccepted("*1\r\n*1\r\n*1\r\n"))
        #expect(
            isAccepted("*2\r\n$8\r\n01234567\r\n:1\r\n")
                && !isAccepted("*4\r\n$8\r\n01234567\r\n$8\r\n01234567\r\n$8\r\n01234567\r\n"))
    }

    @Test func `random bytes and corrupted replies are parsed or refused with an error`() {
        var random = SplitMix(seed: 7)
        var errors = 0
        for round in 0..<3_000 {
            var bytes: [UInt8]
            if round.isMultiple(of: 2) {
                let alphabet = Array("+-:$*0123456789\r\n ab".utf8)
                bytes = (0..<Int.random(in: 1...60, using: &random)).map { _ in
                    alphabet.randomElement(using: &random) ?? 0
                }
            } else {
                bytes = RESPValue.any(depth: 4, &random).wire
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let index = Int.random(in: 0..<bytes.count, using: &random)
                    bytes[index] = UInt8.random(in: 0...255, using: &random)
                }
            }
            var parser = RESPParser()
            do {
                for byte in bytes { _ = try parser.read([byte]) }
            } catch {
                errors += 1
            }
        }
        #expect(errors > 1_000)
    }

    @Test func `a command is written as an array of bulk strings with arbitrary bytes`() throws {
        var buffer = ByteBuffer()
        RedisCommand(["SET", "a\r\nb", "", String(repeating: "x", count: 123)]).write(to: &buffer)
        #expect(
            String(buffer: buffer) == "*4\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n$123\r\n"
                + String(repeating: "x", count: 123) + "\r\n")
        var longer = ByteBuffer()
        RedisCommand((0..<12).map { _ in "twelve bytes" }).write(to: &longer)
        var parser = RESPParser()
        #expect(
            try parser.read(longer.readableBytesView) == [
                .array(Array(repeating: .bulk(ByteBuffer(string: "twelve bytes")), count: 12))
            ])
    }
}

extension RESPParser {
    /// Receives bytes and returns all values that are complete.
    fileprivate mutating func read(_ bytes: some Collection<UInt8>) throws -> [RESPValue] {
        var buffer = ByteBuffer(bytes: bytes)
        receive(&buffer)
        var values: [RESPValue] = []
        while let value = try next() { values.append(value) }
        return values
    }
}

extension RESPValue {
    fileprivate var wire: [UInt8] {
        switch self {
        case .simple(let text): Array("+\(text)\r\n".utf8)
        case .error(let text): Array("-\(text)\r\n".utf8)
        case .integer(let number): Array(":\(number)\r\n".utf8)
        case .bulk(let bytes): Array("$\(bytes.readableBytes)\r\n".utf8) + Array(bytes.readableBytesView) + [13, 10]
        case .null: Array("$-1\r\n".utf8)
        case .array(let values): Array("*\(values.count)\r\n".utf8) + values.flatMap(\.wire)
        }
    }

    fileprivate static func any(depth: Int, _ random: inout SplitMix) -> RESPValue {
        switch Int.random(in: 0...(depth > 0 ? 7 : 4), using: &random) {
        case 0: .simple("status \(Int.random(in: 0...99, using: &random))")
        case 1: .error("ERR \(Int.random(in: 0...99, using: &random))")
        case 2: .integer(Int64.random(in: .min ... .max, using: &random))
        case 3: .null
        case 4:
            .bulk(
                ByteBuffer(
                    bytes: (0..<Int.random(in: 0...30, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    }))
        default: .array((0..<Int.random(in: 0...4, using: &random)).map { _ in any(depth: depth - 1, &random) })
        }
    }
}
