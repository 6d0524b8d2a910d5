import Base

/// Reads a goal graph from the answer of a model, and collects all faults.
struct GoalGraphReader {
    let tools: ToolCatalog
    private(set) var faults: [Problem.Fault] = []

    init(tools: ToolCatalog) { self.tools = tools }

    mutating func graph(_ value: JSONValue, nodesMax: Int) -> GoalGraph? {
        guard let members = object(value, "", known: ["nodes", "trigger"]) else { return nil }
        guard let nodes = members["nodes"]?.array else {
            fail("/nodes", members["nodes"] == nil ? "is missing" : "is not an array")
            return nil
        }
        guard nodes.count <= nodesMax else {
            fail("/nodes", "has \(nodes.count) elements; at most \(nodesMax) are accepted")
            return nil
        }
        var graph = GoalGraph(nodes: [])
        for (index, value) in nodes.enumerated() {
            if let node = node(value, "/nodes/\(index)") { graph.nodes.append(node) }
        }
        if let value = members["trigger"], value != .null { graph.trigger = trigger(value) }
        return graph
    }

    private mutating func trigger(_ value: JSONValue) -> Trigger? {
        guard let members = object(value, "/trigger", known: ["cron", "time_zone"]),
            let cron = text(members, "cron", "/trigger"), let zone = text(members, "time_zone", "/trigger")
        else { return nil }
        return Trigger(cron: cron, timeZone: zone)
    }

    private static let nodeMembers: Set = [
        "id", "description", "tool", "arguments", "dependencies", "success_criteria", "capabilities",
        "estimated_cost_micros", "estimated_seconds",
    ]

    private mutating func node(_ value: JSONValue, _ pointer: String) -> GoalNode? {
        guard let members = object(value, pointer, known: Self.nodeMembers) else { return nil }
        let id = text(members, "id", pointer)
        let description = text(members, "description", pointer)
        let name = text(members, "tool", pointer)
        let tool = name.flatMap { tools[$0] }
        if let name, tool == nil {
            fail(
                "\(pointer)/tool",
                "is '\(name.prefix(80))', which is not offered; the tools are "
                    + tools.tools.map(\.name).joined(separator: ", "))
        }
        if members["arguments"]?.object == nil {
            fail("\(pointer)/arguments", members["arguments"] == nil ? "is missing" : "is not an object")
        }
        let dependencies = texts(members, "dependencies", pointer)
        var criteria: [SuccessCriterion] = []
        for (index, value) in elements(members, "success_criteria", pointer).enumerated() {
            if let criterion = criterion(value, "\(pointer)/success_criteria/\(index)") { criteria.append(criterion) }
        }
        var capabilities: [Capability] = []
        for (index, name) in texts(members, "capabilities", pointer).enumerated() {
            if let capability = Capability(rawValue: name) {
                capabilities.append(capability)
            } else {
                fail(
                    "\(pointer)/capabilities/\(index)",
                    "is not one of " + Capability.allCases.map(\.rawValue).joined(separator: ", "))
            }
        }
        let cost = number(members, "estimated_cost_micros", pointer)
        let seconds = number(members, "estimated_seconds", pointer)
        guard let id, let description, let tool, let arguments = members["arguments"]?.object else { return nil }
        var node = GoalNode(
            id: id, description: description,
            capabilities: capabilities.contains(tool.capability) ? capabilities : capabilities + [tool.capability],
            tool: tool.name, arguments: arguments, successCriteria: criteria,
            estimatedCost: cost.flatMap { Int64(exactly: $0.rounded(.up)) }.map(MicroDollars.init) ?? tool.usualCost,
            estimatedSeconds: seconds ?? tool.usualSeconds)
        var seen: Set<String> = []
        node.dependencies = (dependencies + node.references).filter { seen.insert($0).inserted }
        return node
    }

    private mutating func criterion(_ value: JSONValue, _ pointer: String) -> SuccessCriterion? {
        guard let members = object(value, pointer, known: ["kind", "value"]),
            let name = text(members, "kind", pointer)
        else { return nil }
        guard let kind = SuccessCriterion.Kind(rawValue: name) else {
            fail(
                "\(pointer)/kind",
                "is not one of " + SuccessCriterion.Kind.allCases.map(\.rawValue).joined(separator: ", "))
            return nil
        }
        switch kind {
        case .notEmpty: return .notEmpty
        case .validJSON: return .validJSON
        case .contains: return text(members, "value", pointer).map(SuccessCriterion.contains)
        case .statusIs: return whole(members, pointer).map(SuccessCriterion.statusIs)
        case .rowsAtLeast: return whole(members, pointer).map(SuccessCriterion.rowsAtLeast)
        }
    }

    // MARK: Members

    private mutating func fail(_ pointer: String, _ detail: String) { faults.append(Problem.Fault(pointer, detail)) }

    private mutating func object(_ value: JSONValue, _ pointer: String, known: Set<String>) -> [String: JSONValue]? {
        guard let members = value.object else {
            fail(pointer, "is not an object")
            return nil
        }
        for name in members.keys.sorted() where !known.contains(name) {
            fail(
                pointer + Problem.Fault.step(String(name.prefix(80))),
                "is not a member; those are \(known.sorted().joined(separator: ", "))")
        }
        return members
    }

    private mutating func text(_ members: [String: JSONValue], _ name: String, _ pointer: String) -> String? {
        guard let value = members[name] else {
            fail("\(pointer)/\(name)", "is missing")
            return nil
        }
        if value.string == nil { fail("\(pointer)/\(name)", "is not a string") }
        return value.string
    }

    private mutating func whole(_ members: [String: JSONValue], _ pointer: String) -> Int? {
        guard let number = members["value"]?.integer.flatMap(Int.init(exactly:)) else {
            fail("\(pointer)/value", members["value"] == nil ? "is missing" : "is not a whole number")
            return nil
        }
        return number
    }

    private mutating func number(_ members: [String: JSONValue], _ name: String, _ pointer: String) -> Double? {
        guard let value = members[name], value != .null else { return nil }
        guard let number = value.number, number.isFinite, (0...1e15).contains(number) else {
            fail("\(pointer)/\(name)", "is not a number of 0 or more")
            return nil
        }
        return number
    }

    private mutating func elements(
        _ members: [String: JSONValue], _ name: String, _ pointer: String
    ) -> [JSONValue] {
        guard let value = members[name], value != .null else { return [] }
        if value.array == nil { fail("\(pointer)/\(name)", "is not an array") }
        return value.array ?? []
    }

    private mutating func texts(_ members: [String: JSONValue], _ name: String, _ pointer: String) -> [String] {
        var texts: [String] = []
        for (index, element) in elements(members, name, pointer).enumerated() {
            if let text = element.string {
                texts.append(text)
            } else {
                fail("\(pointer)/\(name)/\(index)", "is not a string")
            }
        }
        return texts
    }
}
