import Base
import NIOCore
import Testing

@testable import Web

@Suite struct MultipartTests {
    private struct Field: Equatable {
        var part: MultipartPart
        var content: [UInt8]
    }

    private static let type = "multipart/form-data; boundary=frontier"

    /// Content that resembles boundaries.
    private static let tricky = Array("a\r\n--frontie\r\n--\r\n-\r\r\n--frontie".utf8) + [0, 255, 13, 10]
    private static let expected = [
        Field(part: MultipartPart(name: "title"), content: Array("héllo".utf8)),
        Field(part: MultipartPart(name: "empty"), content: []),
        Field(part: MultipartPart(name: "file", filename: "data.csv", contentType: "text/csv"), content: tricky),
    ]
    private static let form: [UInt8] =
        Array("to be ignored\r\n--frontier\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nhéllo".utf8)
        + Array("\r\n--frontier \t\r\ncontent-disposition: form-data; name=empty\r\n\r\n".utf8)
        + Array(
            ("\r\n--frontier\r\nContent-Type: text/csv\r\n"
                + "Content-Disposition: form-data; name=\"file\"; filename=\"data.csv\"\r\n\r\n").utf8)
        + tricky + Array("\r\n--frontier--\r\nto be ignored".utf8)

    private static func body(_ chunks: [[UInt8]]) -> RequestBody {
        RequestBody(
            AsyncStream { continuation in
                for chunk in chunks { continuation.yield(ByteBuffer(bytes: chunk)) }
                continuation.finish()
            }, announcedSize: nil)
    }

    private static func read(
        _ chunks: [[UInt8]],
        type: String = Self.type,
        limits: MultipartReader.Limits = .init(totalBytes: 1 << 20)
    ) async throws -> [Field] {
        var reader = try MultipartReader(contentType: type, body: body(chunks), limits: limits)
        var fields: [Field] = []
        while let part = try await reader.next() {
            var content: [UInt8] = []
            while let chunk = try await reader.read() {
                #expect(chunk.readableBytes > 0)
                content.append(contentsOf: chunk.readableBytesView)
            }
            fields.append(Field(part: part, content: content))
        }
        return fields
    }

    /// A form of one part with these header lines.
    private static func part(_ header: String) -> [[UInt8]] {
        [Array("--frontier\r\n\(header)\r\n\r\nx\r\n--frontier--".utf8)]
    }

    private static func refusal(_ body: () async throws -> Void) async -> Problem? {
        do { try await body() } catch { return error as? Problem }
        return nil
    }

    @Test func `a form in two chunks is read the same for every split`() async throws {
        for cut in 0...Self.form.count {
            #expect(
                try await Self.read([Array(Self.form[..<cut]), Array(Self.form[cut...])]) == Self.expected,
                "cut at \(cut)")
        }
    }

    @Test(arguments: [1, 2, 3, 7, 11, 64]) func `a form is read in chunks of any size`(size: Int) async throws {
        let chunks = stride(from: 0, to: Self.form.count, by: size).map {
            Array(Self.form[$0..<min($0 + size, Self.form.count)])
        }
        #expect(try await Self.read(chunks) == Self.expected)
    }

    @Test func `a form truncated at any byte is refused`() async throws {
        let end = try #require(Self.form.indices.last { Self.form[$0...].starts(with: "--frontier--".utf8) }) + 12
        for cut in 0..<end {
            let problem = await Self.refusal { _ = try await Self.read([Array(Self.form[..<cut])]) }
            #expect(problem?.kind == .invalidPayload, "cut at \(cut)")
            #expect(problem?.detail == "The body ended before it was complete.", "cut at \(cut)")
        }
    }

    @Test func `unread parts are skipped`() async throws {
        var reader = try MultipartReader(
            contentType: Self.type, body: Self.body([Self.form]), limits: .init(totalBytes: 1 << 20))
        for expected in Self.expected { #expect(try await reader.next() == expected.part) }
        #expect(try await reader.next() == nil)
        #expect(try await reader.next() == nil)
        #expect(try await reader.read() == nil)
    }

    @Test func `a text field is collected under its limit`() async throws {
        var reader = try MultipartReader(
            contentType: Self.type, body: Self.body([Self.form]), limits: .init(totalBytes: 1 << 20))
        _ = try await reader.next()
        #expect(try await reader.collectText(upTo: 6) == "héllo")
        var strict = try MultipartReader(
            contentType: Self.type, body: Self.body([Self.form]), limits: .init(totalBytes: 1 << 20))
        _ = try await strict.next()
        let tooLarge = await Self.refusal { _ = try await strict.collectText(upTo: 5) }
        #expect(tooLarge?.kind == .payloadTooLarge)
        _ = try await strict.next()
        _ = try await strict.next()
        let binary = await Self.refusal { _ = try await strict.collectText(upTo: 1_000) }
        #expect(binary?.detail == "A text field of the form is not UTF-8.")
    }

    @Test func `a form without parts is empty`() async throws {
        #expect(try await Self.read([Array("--frontier--\r\n".utf8)]).isEmpty)
    }

    @Test(arguments: [
        (#"form-data; name="a"; filename="b.txt""#, "a", "b.txt"),
        (#"form-data; name=a; filename=b.txt"#, "a", "b.txt"),
        (#"FORM-DATA;NAME="a";FILENAME="b;c=d.txt""#, "a", "b;c=d.txt"),
        (#"form-data; name="say \"hi\""; filename="x\\y""#, #"say "hi""#, "y"),
        (#"form-data; name="a"; filename="C:\dir\b.txt""#, "a", "b.txt"),
        (#"form-data; name="a"; filename="../../etc/passwd""#, "a", "passwd"),
        (#"form-data; name="a"; filename="plain"; filename*=UTF-8''na%C3%AFve%20%F0%9F%99%82.txt"#, "a", "naïve 🙂.txt"),
        (#"form-data; name="ключ"; filename="файл.txt""#, "ключ", "файл.txt"),
        (#"form-data; name="a"; filename="""#, "a", ""),
    ])
    func `names are parsed in the spellings of common clients`(disposition: String, name: String, filename: String)
        async throws
    {
        let fields = try await Self.read(Self.part("Content-Disposition: \(disposition)"))
        #expect(fields.first?.part == MultipartPart(name: name, filename: filename))
    }

    @Test(arguments: [
        "X: y",
        "Content-Disposition: attachment; name=\"a\"",
        "Content-Disposition: form-data",
        "Content-Disposition: form-data; name=\"\"",
        "Content-Disposition: form-data; name=\"a",
        "Content-Disposition: form-data; name=\"a\"; name=\"b\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Type: a/b\r\ncontent-type: c/d",
        "Content-Disposition: form-data; name=\"a\0b\"",
        "Content-Disposition: form-data; name=\"a\nb\"",
        "Content-Disposition: form-data; name=\"a\rb\"",
        "Content-Disposition: form-data; name=\"a\tb\"",
        "Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''a%00b",
        "Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''a%FF",
        "Content-Disposition: form-data; name=\"a\"; filename*=plain",
        "Content-Disposition: form-data;\r\n name=\"a\"",
        "Content-Disposition : form-data; name=\"a\"",
        "Content-Disposition: form-data; name=\"a\" b",
        "Content-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64",
        "Content-Disposition: form-data; name=\"a\"\r\nno colon",
        "Content-Disposition: form-data; name=\"a\"\nX: y",
        "X: y\rContent-Disposition: form-data; name=\"a\"",
        "\nContent-Disposition: form-data; name=\"a\"",
    ])
    func `an ambiguous header is refused`(header: String) async throws {
        let problem = await Self.refusal { _ = try await Self.read(Self.part(header)) }
        #expect(problem?.kind == .invalidPayload)
        #expect(problem?.detail?.hasPrefix("A part of the form ") == true)
    }

    @Test func `invalid UTF-8 in a name is refused`() async throws {
        let body =
            Array("--frontier\r\nContent-Disposition: form-data; name=\"".utf8) + [0xc3, 0x28]
            + Array("\"\r\n\r\nx\r\n--frontier--".utf8)
        #expect(await Self.refusal { _ = try await Self.read([body]) }?.kind == .invalidPayload)
    }

    @Test func `a line that only starts with the boundary is refused`() async throws {
        let body = Array("--frontierX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--frontier--".utf8)
        #expect(await Self.refusal { _ = try await Self.read([body]) }?.kind == .invalidPayload)
        for size in 1...3 {
            let chunks = stride(from: 0, to: body.count, by: size).map { Array(body[$0..<min($0 + size, body.count)]) }
            #expect(await Self.refusal { _ = try await Self.read(chunks) }?.kind == .invalidPayload)
        }
    }

    @Test func `the size, the parts and the headers of a form are limited`() async throws {
        let header = "Content-Disposition: form-data; name=\"a\"\r\nX: " + String(repeating: "x", count: 9 << 10)
        #expect(await Self.refusal { _ = try await Self.read(Self.part(header)) }?.kind == .invalidPayload)
        let endless = Array("--frontier\r\nX: ".utf8) + [UInt8](repeating: 120, count: 9 << 10)
        #expect(
            await Self.refusal { _ = try await Self.read(endless.map { [$0] }) }?.detail?.contains("8192 bytes") == true
        )
        let one = "--frontier\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n"
        let many = Array((String(repeating: one, count: 101) + "--frontier--").utf8)
        #expect(await Self.refusal { _ = try await Self.read([many]) }?.detail == "A form has at most 100 parts.")
        #expect(
            await Self.refusal { _ = try await Self.read([Self.form], limits: .init(totalBytes: Self.form.count - 1)) }?
                .kind == .payloadTooLarge)
        #expect(try await Self.read([Self.form], limits: .init(totalBytes: Self.form.count)) == Self.expected)
        #expect(throws: Problem.self) {
            try MultipartReader(
                contentType: Self.type, body: RequestBody(bytes: [1, 2, 3]), limits: .init(totalBytes: 2))
        }
    }

    @Test(arguments: [
        ("application/json", "unsupported-media-type"), ("multipart/mixed; boundary=a", "unsupported-media-type"),
        ("", "unsupported-media-type"),
        ("multipart/form-data", "invalid-payload"), ("multipart/form-data; boundary=", "invalid-payload"),
        ("multipart/form-data; boundary=\"a \"", "invalid-payload"),
        ("multipart/form-data; boundary=a\"b", "invalid-payload"),
        ("multipart/form-data; boundary=\(String(repeating: "a", count: 71))", "invalid-payload"),
    ])
    func `a Content-Type other than multipart/form-data with a boundary is refused`(type: String, code: String)
        async throws
    {
        #expect(await Self.refusal { _ = try await Self.read([Self.form], type: type) }?.kind.code == code)
    }

    @Test func `a boundary may have 70 characters of the set of RFC 2046`() async throws {
        let boundary = String(repeating: "'()+_,-./:=? ", count: 5) + "12345"
        let form = Array("--\(boundary)\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--\(boundary)--".utf8)
        let fields = try await Self.read(
            form.map { [$0] }, type: "Multipart/Form-Data; charset=utf-8; boundary=\"\(boundary)\"")
        #expect(fields == [Field(part: MultipartPart(name: "a"), content: [UInt8(ascii: "x")])])
    }
}
