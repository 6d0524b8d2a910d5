import Base

/// A graph in the making: adds nodes in the order of the sentence, and knows what "it" is.
struct PlanDraft {
    /// A value for an argument.
    struct Input {
        let argument: JSONValue
        /// Nil for a literal text.
        let node: String?
        let format: DataFormat?
        /// For descriptions.
        let name: String
    }

    private(set) var nodes: [GoalNode] = []
    /// The nodes that "it" stood for, the latest last.
    private var results: [String] = []
    private var formats: [String: DataFormat] = [:]
    private var files = FileOrder()
    /// Nodes that complete before any new node starts.
    private var earlier: [String] = []
    /// The number of nodes at the last "then".
    private var segmentStart = 0
    /// Whether a step before was not understood. What the later ones lack is not their fault then.
    var isIncomplete = false
    /// Checks a sentence that a step of the plan runs later.
    let checkSentence: (String) throws(FormFault) -> Void

    private static let descriptionMax = 300

    init(checkSentence: @escaping (String) throws(FormFault) -> Void) { self.checkSentence = checkSentence }

    /// What comes next starts after everything before it.
    mutating func startSegment() {
        guard segmentStart < nodes.count else { return }
        let needed = Set(nodes.flatMap(\.dependencies))
        earlier = nodes.map(\.id).filter { !needed.contains($0) }
        segmentStart = nodes.count
    }

    /// - Parameters:
    ///   - predecessors: nodes that complete before this one, besides those whose outputs it uses.
    /// - Returns: the id of the node.
    @discardableResult
    mutating func add(
        _ tool: Tool, _ description: String, _ arguments: [String: JSONValue], format: DataFormat? = nil,
        criteria: [SuccessCriterion] = [], after predecessors: [String] = []
    ) -> String {
        let shown =
            description.count > Self.descriptionMax
            ? description.prefix(Self.descriptionMax - 1) + "…" : description[...]
        var node = GoalNode(
            id: "step\(nodes.count + 1)", description: String(shown), capabilities: [tool.capability], tool: tool.name,
            arguments: arguments, successCriteria: criteria, estimatedCost: tool.usualCost,
            estimatedSeconds: tool.usualSeconds)
        var dependencies = node.references
        for predecessor in predecessors where !dependencies.contains(predecessor) { dependencies.append(predecessor) }
        // A dependency of this segment has those of the segment before.
        let isWithin = dependencies.contains { id in nodes[segmentStart...].contains { $0.id == id } }
        if !isWithin { for id in earlier where !dependencies.contains(id) { dependencies.append(id) } }
        node.dependencies = dependencies
        nodes.append(node)
        formats[node.id] = format
        return node.id
    }

    /// Has "it" stand for the output of a node.
    mutating func setResult(_ node: String) {
        results.removeAll { $0 == node }
        results.append(node)
    }

    /// Has "it" stand for an input again, where that is the output of a node.
    mutating func setResult(_ input: Input) { if let node = input.node { setResult(node) } }

    // MARK: Inputs

    /// The value of content; a file is read and a URL is requested first.
    mutating func input(_ content: Content) throws(FormFault) -> Input {
        switch content {
        case .literal(let text):
            return Input(argument: .string(text), node: nil, format: .text, name: "the text")
        case .file(let path):
            let node = read(path)
            return output(of: node, name: path)
        case .url(let url):
            let node = fetch(url, format: nil)
            return output(of: node, name: url)
        case .previous, .severalPrevious:
            if isIncomplete { return Self.unknown }
            guard let result = results.last else { throw FormFault("no step before has an output") }
            guard content == .severalPrevious else { return output(of: result) }
            let used = Set(nodes.flatMap(\.references))
            let unused = Set(results).subtracting(used)
            guard unused.count <= 1 else {
                throw FormFault("it could be the outputs of several steps; name the file or the URL")
            }
            return output(of: result)
        }
    }

    /// The last two outputs.
    func lastTwoInputs() throws(FormFault) -> (left: Input, right: Input) {
        if isIncomplete { return (Self.unknown, Self.unknown) }
        guard results.count >= 2 else { throw FormFault("there are no two outputs before it") }
        return (output(of: results[results.count - 2]), output(of: results[results.count - 1]))
    }

    /// In place of an output that the plan lacks.
    private static let unknown = Input(argument: "", node: nil, format: .csv, name: "")

    private func output(of node: String, name: String? = nil) -> Input {
        Input(
            argument: OutputReference(node).json, node: node, format: formats[node],
            name: name ?? "the output of \(node)")
    }

    // MARK: Steps of several skills

    /// Reads a file, once for every version of it.
    mutating func read(_ path: String) -> String {
        if let reader = files.reader(of: path) { return reader }
        let node = add(
            .readFile, "Reads \(path).", ["path": .string(path)], format: DataFormat(path: path) ?? .text,
            after: files.predecessorsOfRead(path))
        files.addRead(path, node)
        return node
    }

    /// - Parameter input: is converted where the extension of the file asks for it.
    mutating func write(_ input: Input, to path: String) -> String {
        var input = input
        if let format = DataFormat(path: path), format != input.format, let from = input.format, from != .text {
            input = convert(input)
        }
        let node = add(
            .writeFile, "Writes \(input.name) to \(path).", ["path": .string(path), "text": input.argument],
            format: input.format, after: files.predecessorsOfWrite(path))
        files.addWrite(path, node)
        return node
    }

    mutating func list(_ folder: String?) -> String {
        let node = add(
            .listDirectory, "Lists the files\(folder.map { " in \($0)" } ?? "").",
            folder.map { ["path": .string($0)] } ?? [:], format: .text, after: files.predecessorsOfAll)
        files.addAll(node)
        return node
    }

    /// A command may read and write every file.
    mutating func run(_ command: String) -> String {
        let node = add(
            .runCommand, "Runs the command \(command).", ["command": .string(command)], format: .text,
            criteria: [.statusIs(0)], after: files.predecessorsOfAll)
        files.addAll(node)
        return node
    }

    mutating func fetch(_ url: String, format: DataFormat?) -> String {
        let format = format ?? DataFormat(path: url)
        return add(
            .httpRequest, "Requests \(url).", ["url": .string(url), "method": "GET"], format: format,
            criteria: [.statusIs(200)] + (format == .json ? [.validJSON] : []))
    }

    /// Changes a table; "it" is the new one.
    mutating func transform(_ operation: TableOperation, _ input: Input, _ description: String) throws(FormFault)
        -> Input
    {
        switch input.format {
        case .csv, .json: break
        case .text: throw FormFault("\(input.name) is not a table of CSV or JSON")
        case nil: throw FormFault("it is not known whether \(input.name) is CSV or JSON: say 'as CSV' or 'as JSON'")
        }
        let tool = input.format == .json ? Tool.jsonTransform : .csvTransform
        let format = operation == .convert ? (input.format == .json ? DataFormat.csv : .json) : input.format
        let node = add(
            tool, description, operation.arguments.merging(["input": input.argument]) { $1 }, format: format)
        setResult(node)
        return output(of: node)
    }

    /// CSV into JSON, or JSON into CSV.
    /// - Parameter input: of one of these formats.
    mutating func convert(_ input: Input) -> Input {
        let (target, tool) = input.format == .json ? (DataFormat.csv, Tool.jsonTransform) : (.json, .csvTransform)
        let node = add(
            tool, "Converts \(input.name) to \(target.rawValue.uppercased()).",
            TableOperation.convert.arguments.merging(["input": input.argument]) { $1 }, format: target)
        setResult(node)
        return output(of: node)
    }
}
