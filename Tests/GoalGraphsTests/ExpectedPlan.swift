import Base
import GoalGraphs

/// The steps that sentences of each form are to have, written independently of the planner.
struct ExpectedPlan {
    struct Step: Equatable {
        let tool: String
        let arguments: [String: JSONValue]
    }

    enum Outcome {
        case planned, refused
        /// The form has no expectation here.
        case unknown
    }

    private(set) var steps: [Step] = []
    /// What "it" is.
    private var result: Input?

    /// Whether "it" is a table.
    var hasTable: Bool { result.map { $0.format != .other } ?? false }

    // MARK: Vocabulary

    private enum Format { case csv, json, other }

    private struct Input {
        let value: JSONValue
        let format: Format

        var isStep: Bool { value["$output"] != nil }
    }

    private mutating func add(_ tool: String, _ arguments: [String: JSONValue], _ format: Format = .other) -> Input {
        steps.append(Step(tool: tool, arguments: arguments))
        return Input(value: ["$output": .string("step\(steps.count)")], format: format)
    }

    private mutating func read(_ path: JSONValue) -> Input {
        add("read_file", ["path": path], path.string!.hasSuffix(".json") ? .json : .csv)
    }

    private mutating func fetch(_ url: JSONValue, as format: JSONValue? = nil) -> Input {
        let isJSON = format.map { $0 == "json" } ?? url.string!.contains(".json?")
        return add("http_request", ["url": url, "method": "GET"], isJSON ? .json : .csv)
    }

    private mutating func input(_ content: JSONValue?) -> Input {
        if let path = content?["file"] { return read(path) }
        if let url = content?["url"] { return fetch(url) }
        if let text = content?["text"] { return Input(value: text, format: .other) }
        return result!
    }

    private mutating func transform(_ input: Input, _ arguments: [String: JSONValue], to format: Format? = nil) {
        result = add(
            input.format == .json ? "json_transform" : "csv_transform",
            arguments.merging(["input": input.value]) { $1 },
            format ?? input.format)
    }

    private mutating func convert(_ input: Input) {
        transform(input, ["operation": "convert"], to: input.format == .json ? .csv : .json)
    }

    private mutating func write(_ input: Input, _ path: JSONValue) -> Input {
        var input = input
        let format = path.string!.hasSuffix(".json") ? Format.json : .csv
        if input.format != .other, input.format != format {
            convert(input)
            input = result!
        }
        return add("write_file", ["path": path, "text": input.value], input.format)
    }

    private mutating func mail(_ values: [String: JSONValue], _ content: JSONValue?, _ subject: JSONValue) {
        let input = input(content)
        if input.isStep { result = input }
        _ = add(
            "send_email", ["to": values["addresses"]!, "subject": values["subject"] ?? subject, "text": input.value])
    }

    private mutating func aggregate(_ function: JSONValue, _ values: [String: JSONValue]) {
        var arguments: [String: JSONValue] = ["operation": "aggregate", "function": function]
        arguments["column"] = values["column"]
        arguments["group_by"] = values["group"]
        transform(input(values["source"]), arguments)
    }

    private mutating func compare(_ values: [String: JSONValue]) {
        let (left, right) = (input(values["left"]), input(values["right"]))
        result = add("compare", ["left": left.value, "right": right.value])
    }

    private mutating func sort(_ values: [String: JSONValue], _ order: JSONValue) {
        transform(input(values["source"]), ["operation": "sort", "column": values["column"]!, "order": order])
    }

    private mutating func check(_ method: JSONValue, _ values: [String: JSONValue]) -> Input {
        add("http_request", ["url": values["url"]!, "method": method])
    }

    private mutating func ask(_ prompt: String, _ content: JSONValue?) {
        var arguments: [String: JSONValue] = ["prompt": .string(prompt)]
        if let content { arguments["input"] = input(content).value }
        result = add("model_answer", arguments)
    }

    // MARK: Forms

    private static let subject: JSONValue = "Result of your workflow"

    /// Adds the steps of a sentence.
    mutating func expect(_ form: String, _ values: [String: JSONValue]) -> Outcome {
        switch form {
        case "fetch.url": result = fetch(values["url"]!, as: values["format"])
        case "fetch.save":
            let page = fetch(values["url"]!)
            result = page
            _ = write(page, values["file"]!)
        case "fetch.post":
            let body = input(values["content"])
            let type: JSONValue =
                switch body.format {
                case .csv: "text/csv"
                case .json: "application/json"
                case .other: "text/plain"
                }
            result = add(
                "http_request", ["url": values["url"]!, "method": "POST", "body": body.value, "content_type": type])
        case "fetch.status", "fetch.contains": result = check("GET", values)
        case "fetch.up": result = check("HEAD", values)
        case "mail.content", "mail.address", "mail.containing": mail(values, values["content"], Self.subject)
        case "mail.saying": mail(values, ["text": values["text"]!], Self.subject)
        case "mail.tell": mail(values, values["content"], "Notification")
        case "mail.remind": mail(values, ["text": values["text"]!], "Reminder")
        case "file.read": for file in values["files"]!.array! { result = read(file) }
        case "file.write", "file.create":
            let content = input(values["content"])
            if content.isStep { result = content }
            let written = write(content, values["file"]!)
            if !content.isStep { result = written }
        case "file.list": result = add("list_directory", values["folder"].map { ["path": $0] } ?? [:])
        case "file.copy":
            let content = read(values["file"]!)
            _ = write(content, values["target"]!)
            result = content
        case "table.filter", "table.filterSource":
            transform(input(values["source"]), ["operation": "filter", "conditions": values["conditions"]!])
        case "table.remove":
            let opposites = [
                "equals": "not_equals", "greater": "at_most", "at_least": "less", "contains": "not_contains",
                "is_empty": "is_not_empty",
            ]
            var condition = values["condition"]![0]!.object!
            let comparison = condition["comparison"]!.string!
            condition["comparison"] = .string(
                opposites[comparison] ?? opposites.first { $0.value == comparison }!.key)
            transform(input(values["source"]), ["operation": "filter", "conditions": [.object(condition)]])
        case "table.select":
            transform(input(values["source"]), ["operation": "select", "columns": values["columns"]!])
        case "table.drop":
            transform(input(values["source"]), ["operation": "drop", "columns": values["columns"]!])
        case "table.rename":
            transform(
                input(values["source"]), ["operation": "rename", "column": values["column"]!, "name": values["name"]!])
        case "table.sort", "table.sortPrevious": sort(values, values["order"] ?? "ascending")
        case "table.limit": transform(input(values["source"]), ["operation": "limit", "count": values["number"]!])
        case "table.top", "table.bottom":
            sort(values, form == "table.top" ? "descending" : "ascending")
            transform(input(nil), ["operation": "limit", "count": values["number"]!])
        case "table.values":
            transform(input(values["source"]), ["operation": "values", "columns": values["columns"]!])
        case "table.duplicates":
            transform(
                input(values["source"]),
                ["operation": "distinct"].merging(values["columns"].map { ["columns": $0] } ?? [:]) { $1 })
        case "aggregate.function", "aggregate.group": aggregate(values["function"]!, values)
        case "aggregate.sum", "aggregate.groupSum": aggregate("sum", values)
        case "aggregate.average": aggregate("average", values)
        case "aggregate.count", "aggregate.groupCount": aggregate("count", values)
        case "aggregate.countWhere":
            transform(input(values["source"]), ["operation": "filter", "conditions": values["conditions"]!])
            aggregate("count", [:])
        case "aggregate.summarise": transform(input(values["source"]), ["operation": "summarise"])
        case "convert.format":
            let input = input(values["source"])
            if (input.format == .json) == (values["format"] == "json") { return .refused }
            convert(input)
        case "convert.file":
            let input = read(values["file"]!)
            convert(input)
            if values["target"]!.string!.hasSuffix(".json") == (input.format == .json) { return .refused }
            _ = write(result!, values["target"]!)
        case "compare.two", "compare.differences", "compare.same":
            if values["left"]!["previous"] != nil, values["right"]!["previous"] != nil { return .refused }
            compare(values)
        case "compare.numbers": result = add("compare", ["left": values["left"]!, "right": values["right"]!])
        case "language.ask": ask(values["text"]!.string!, values["content"])
        case "language.summarise":
            let length = values["number"].map { "in at most \($0.integer!) sentences" } ?? "in a few sentences"
            ask("Summarise the text \(length).", values["content"])
        case "language.translate": ask("Translate the text into \(values["language"]!.string!).", values["content"])
        case "workflow.command": result = add("run_command", ["command": values["text"]!])
        case "workflow.tool":
            var arguments: [String: JSONValue] = ["server": values["server"]!, "tool": values["tool"]!]
            arguments["arguments"] = values["arguments"]
            result = add("mcp_call", arguments)
        default: return .unknown
        }
        return .planned
    }
}
