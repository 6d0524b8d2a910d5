import Testing

@testable import AWS

@Suite struct ResponseReaderTests {
    private func failure(_ text: String) -> ResponseReader.Failure? { failure(Array(text.utf8)) }

    private func failure(_ bytes: [UInt8]) -> ResponseReader.Failure? {
        do throws(ResponseReader.Failure) {
            _ = try ResponseReader.read(bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test func `elements are read with their text and their items`() throws {
        let root = try ResponseReader.read(
            Array(
                """
                <?xml version="1.0" encoding="UTF-8"?>
                <Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
                  <list><item><name> a &lt; b &amp; Grüße &#233; </name></item><other/><item/></list>
                  <empty/><text><![CDATA[<raw>]]></text>
                </Response>
                """.utf8))
        #expect(root.name == "Response")
        #expect(root.items("list").count == 2)
        #expect(root.items("list")[0].string("name") == "a < b & Grüße é")
        #expect(root.string("empty") == nil)
        #expect(root.string("text") == "<raw>")
        #expect(root.items("missing").isEmpty)
        #expect(root.first("name")?.text == "a < b & Grüße é")
    }

    @Test(arguments: [
        "", " ", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&unknown;</a>", "<a>\u{1}</a>", "{\"json\": true}",
        "<a><b></a>", "<html><body><p>502 Bad Gateway</body></html>", "<a", "<a b=1/>",
    ])
    func `what is not well-formed is refused`(_ text: String) { #expect(failure(text) == .malformed) }

    @Test func `a document type is refused, whatever it declares`() {
        let entities = (1...9).map { "<!ENTITY e\($0) \"\(String(repeating: "&e\($0 - 1);", count: 10))\">" }.joined()
        #expect(failure("<!DOCTYPE a [<!ENTITY e0 \"x\">\(entities)]><a>&e9;</a>") == .documentType)
        #expect(failure("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>") == .documentType)
    }

    @Test func `bytes that are not UTF-8 are refused, also where another encoding is declared`() {
        #expect(failure([0xFF, 0xFE, 0x3C, 0x00]) == .notUTF8)
        #expect(failure(Array("<a>".utf8) + [0xE9] + Array("</a>".utf8)) == .notUTF8)
    }

    @Test func `nesting and the number of elements are bounded`() {
        func nested(_ depth: Int) -> String {
            String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
        }
        #expect(failure(nested(ResponseReader.depthMax)) == nil)
        #expect(failure(nested(ResponseReader.depthMax + 1)) == .tooDeep)
        #expect(failure(nested(100_000)) == .tooDeep)
        func wide(_ count: Int) -> String { "<a>" + String(repeating: "<b/>", count: count - 1) + "</a>" }
        #expect(failure(wide(ResponseReader.elementsMax)) == nil)
        #expect(failure(wide(ResponseReader.elementsMax + 1)) == .tooManyElements)
    }
}
