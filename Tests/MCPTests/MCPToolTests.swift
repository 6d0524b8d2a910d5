import Base
import MCP
import Testing

/// Definitions of tools, and values of header fields.
@Suite struct MCPToolTests {
    private func tool(_ schema: JSONValue, name: String = "tool") -> MCPTool? {
        MCPTool(["name": .string(name), "inputSchema": schema])
    }

    @Test func `definitions that are not of the protocol are none`() {
        #expect(tool(["type": "object"]) != nil)
        #expect(tool(["type": "array"]) == nil && tool([]) == nil)
        for name in ["", "a b", "ä", "a\r\nb", String(repeating: "a", count: 129)] {
            #expect(tool(["type": "object"], name: name) == nil, "\(name)")
        }
        func annotated(_ property: JSONValue) -> MCPTool? {
            tool(["type": "object", "properties": ["a": property]])
        }
        #expect(annotated(["type": "string", "x-mcp-header": "Region"]) != nil)
        for value: JSONValue in ["", "a b", "a\r\nb: c", 1] {
            #expect(annotated(["type": "string", "x-mcp-header": value]) == nil, "\(value)")
        }
        #expect(annotated(["type": "number", "x-mcp-header": "A"]) == nil)
        // Only properties have them.
        #expect(annotated(["type": "array", "items": ["type": "string", "x-mcp-header": "A"]]) == nil)
        #expect(
            tool([
                "type": "object",
                "properties": [
                    "a": ["type": "string", "x-mcp-header": "A"], "b": ["type": "string", "x-mcp-header": "a"],
                ],
            ]) == nil)
    }

    @Test func `a definition is read back as it was`() throws {
        let tool = try #require(
            MCPTool([
                "name": "a", "title": "A", "description": "Does it.", "inputSchema": ["type": "object"],
                "annotations": ["readOnlyHint": true, "idempotentHint": true, "destructiveHint": false],
            ]))
        #expect(MCPTool(tool.json) == tool && tool.isReadOnly && tool.isIdempotent && tool.isAdditive)
    }

    @Test(arguments: [
        ("us-west1", "us-west1"), ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="), ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ])
    func `values of header fields are those of the specification`(text: String, field: String) {
        #expect(MCPHeaderText.encoded(text) == field)
        #expect(MCPHeaderText.decoded(field) == text)
    }

    @Test func `broken values of header fields are none`() {
        #expect(MCPHeaderText.decoded("=?base64?%%?=") == nil)
        #expect(MCPHeaderText.decoded("=?base64?/w==?=") == nil)
    }
}
