import Outbound
import Testing

@Suite struct ServerSentEventTests {
    private func events(_ text: String, cut: Int? = nil, bytesMax: Int = 1_000) throws -> [String] {
        var reader = ServerSentEventReader(eventBytesMax: bytesMax)
        let bytes = Array(text.utf8)
        let parts = cut.map { [bytes[..<$0], bytes[$0...]] } ?? [bytes[...]]
        return try parts.flatMap { try reader.read($0) }.map {
            "\($0.name)=\(String(decoding: $0.data, as: UTF8.self))"
        }
    }

    @Test(arguments: [
        ("data: a\n\n", ["message=a"]), ("data:a\r\n\r\ndata:  b\r\n\r\n", ["message=a", "message= b"]),
        ("data: a\r\rdata: b\r\r", ["message=a", "message=b"]),
        ("event: x\ndata: a\n\ndata: b\n\n", ["x=a", "message=b"]),
        ("data: a\ndata: b\ndata\n\n", ["message=a\nb\n"]), (": comment\n\n:\nid: 7\nretry: 1\nother\n\n", []),
        ("event: x\n\n", []), ("\u{FEFF}data: ä€😀\n\n", ["message=ä€😀"]), ("data: not ended", []), ("data: a\n", []),
        ("data\n\n", ["message="]), ("\n\n\r\ndata: a\n\n", ["message=a"]), (" data: a\n\n", []),
    ])
    func `events are read whatever their lines end with, and wherever chunks begin`(text: String, expected: [String])
        throws
    {
        #expect(try events(text) == expected)
        for cut in 0...text.utf8.count { #expect(try events(text, cut: cut) == expected, "cut at \(cut)") }
    }

    @Test(arguments: [
        "data: 0123456789012345", ": 01234567890123456789", "data: 012\ndata: 012\ndata: 012\n",
        "event: 0123456789012345\n",
    ])
    func `what never ends is bounded`(text: String) {
        #expect(throws: ServerSentEventReader.TooLarge.self) { try events(text, bytesMax: 20) }
    }

    @Test func `the bound is that of one event`() throws {
        let text = String(repeating: "data: 0123456789\n\n", count: 100)
        #expect(try events(text, bytesMax: 20).count == 100)
    }
}
