/// The tools that a workflow may use, by name.
package struct ToolCatalog: Hashable, Sendable {
    /// In the order of their declaration.
    package let tools: [Tool]
    private let byName: [String: Tool]

    /// - Parameter tools: with distinct names.
    package init(_ tools: [Tool]) {
        self.tools = tools
        byName = Dictionary(uniqueKeysWithValues: tools.map { ($0.name, $0) })
    }

    package subscript(name: String) -> Tool? { byName[name] }

    /// The catalogue without tools, such as those that are not configured.
    package func without(_ names: Set<String>) -> ToolCatalog { ToolCatalog(tools.filter { !names.contains($0.name) }) }

    /// Every tool.
    package static let all = ToolCatalog([
        .httpRequest, .sendEmail, .readFile, .writeFile, .listDirectory, .csvTransform, .jsonTransform, .compare,
        .schedule, .subWorkflow, .runCommand, .mcpCall, .modelAnswer,
    ])
}

/// Bounds of arguments, in bytes of UTF-8.
private enum Length {
    static let address = 320
    static let path = 512
    static let sentence = 10_000
    static let name = 200
    static let url = 2_048
    /// A text in the graph itself; outputs, which references stand for, have the bounds of their tools.
    static let text = 100_000
}

extension Tool {
    package static let httpRequest = Tool(
        name: "http_request",
        description: "Sends a request to a URL; the output is the body of the response.",
        trust: .standard, capability: .web,
        parameters: [
            ToolParameter("url", .text(lengthMax: Length.url), "an http or https URL"),
            ToolParameter(
                "method", .choice(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), isRequired: false,
                "GET where it is left out"),
            ToolParameter("body", .text(lengthMax: Length.text), isRequired: false, "of the request"),
            ToolParameter("content_type", .text(lengthMax: Length.name), isRequired: false, "of the body"),
        ],
        outputParts: [.status], usualCost: MicroDollars(1_000), usualSeconds: 3)

    package static let sendEmail = Tool(
        name: "send_email",
        description: "Sends an e-mail to the owner of the workflow or to verified addresses.",
        trust: .standard, capability: .mail,
        parameters: [
            ToolParameter(
                "to", .list(.text(lengthMax: Length.address), count: 1...20),
                "addresses; `\(ownerAddress)` is the owner of the workflow"),
            ToolParameter("subject", .text(lengthMax: Length.name), "of the e-mail"),
            ToolParameter("text", .text(lengthMax: Length.text), "of the e-mail"),
        ],
        outputParts: [], usualCost: MicroDollars(1_000), usualSeconds: 2)

    /// The argument that stands for the address of the workflow's owner.
    package static let ownerAddress = "me"

    package static let readFile = Tool(
        name: "read_file",
        description: "Reads a file of the workflow's folder; the output is its text.",
        trust: .restricted, capability: .files,
        parameters: [ToolParameter("path", .text(lengthMax: Length.path), "within the folder")],
        outputParts: [], usualCost: MicroDollars(100), usualSeconds: 1)

    package static let writeFile = Tool(
        name: "write_file",
        description: "Writes a file of the workflow's folder; the output is its text.",
        trust: .standard, capability: .files,
        parameters: [
            ToolParameter("path", .text(lengthMax: Length.path), "within the folder"),
            ToolParameter("text", .text(lengthMax: Length.text), "the new content"),
        ],
        outputParts: [], usualCost: MicroDollars(100), usualSeconds: 1)

    package static let listDirectory = Tool(
        name: "list_directory",
        description: "Lists the files of a folder within the workflow's folder, one a line.",
        trust: .restricted, capability: .files,
        parameters: [
            ToolParameter("path", .text(lengthMax: Length.path), isRequired: false, "the whole folder if left out")
        ],
        outputParts: [.rows], usualCost: MicroDollars(100), usualSeconds: 1)

    package static let csvTransform = Tool(
        name: "csv_transform",
        description: "Changes a table of CSV with a header line; the output is CSV, or JSON after convert.",
        trust: .restricted, capability: .data,
        parameters: [ToolParameter("input", .text(lengthMax: Length.text), "the table")] + TableOperation.parameters,
        outputParts: [.rows], usualCost: MicroDollars(500), usualSeconds: 2)

    package static let jsonTransform = Tool(
        name: "json_transform",
        description: "Changes a JSON array of objects; the output is JSON, or CSV after convert.",
        trust: .restricted, capability: .data,
        parameters: [ToolParameter("input", .text(lengthMax: Length.text), "the array")] + TableOperation.parameters,
        outputParts: [.rows], usualCost: MicroDollars(500), usualSeconds: 2)

    package static let compare = Tool(
        name: "compare",
        description: "Compares two texts line by line, or two numbers; the output says equal, or the differences.",
        trust: .restricted, capability: .data,
        parameters: [
            ToolParameter("left", .text(lengthMax: Length.text), "the first"),
            ToolParameter("right", .text(lengthMax: Length.text), "the second"),
        ],
        outputParts: [], usualCost: MicroDollars(500), usualSeconds: 2)

    package static let schedule = Tool(
        name: "schedule",
        description: "Has a sentence run as a workflow of its own at recurring times.",
        trust: .standard, capability: .scheduling,
        parameters: [
            ToolParameter("intent", .text(lengthMax: Length.sentence), "what the workflow does"),
            ToolParameter("cron", .text(lengthMax: Length.name), "five fields: minute hour day month weekday"),
            ToolParameter("time_zone", .text(lengthMax: Length.name), "such as Europe/Berlin"),
        ],
        outputParts: [], usualCost: MicroDollars(100), usualSeconds: 1)

    package static let subWorkflow = Tool(
        name: "sub_workflow",
        description: "Runs a sentence as a workflow within this one; the output is that of its last step.",
        trust: .standard, capability: .scheduling,
        parameters: [ToolParameter("intent", .text(lengthMax: Length.sentence), "what the workflow does")],
        outputParts: [], usualCost: MicroDollars(10_000), usualSeconds: 30)

    package static let runCommand = Tool(
        name: "run_command",
        description: "Runs a command without network in a sandbox over the workflow's folder.",
        trust: .elevated, capability: .commands,
        parameters: [ToolParameter("command", .text(lengthMax: Length.sentence), "a line for the shell")],
        outputParts: [.status], usualCost: MicroDollars(1_000), usualSeconds: 10)

    package static let mcpCall = Tool(
        name: "mcp_call",
        description: "Calls a tool of a server of the Model Context Protocol.",
        trust: .elevated, capability: .integrations,
        parameters: [
            ToolParameter("server", .text(lengthMax: Length.name), "the name of the server"),
            ToolParameter("tool", .text(lengthMax: Length.name), "the name of its tool"),
            ToolParameter("arguments", .object, isRequired: false, "of the tool"),
        ],
        outputParts: [], usualCost: MicroDollars(1_000), usualSeconds: 10)

    package static let modelAnswer = Tool(
        name: "model_answer",
        description: "Asks a language model; the output is its answer.",
        trust: .standard, capability: .language,
        parameters: [
            ToolParameter("prompt", .text(lengthMax: Length.sentence), "the question or the task"),
            ToolParameter("input", .text(lengthMax: Length.text), isRequired: false, "the text that it is about"),
            ToolParameter(
                "verify", .boolean, isRequired: false,
                "whether a second model answers too, and the answers are compared; false where it is left out"),
        ],
        outputParts: [], usualCost: MicroDollars(20_000), usualSeconds: 15)
}
