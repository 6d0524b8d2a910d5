/// CSV into JSON, JSON into CSV.
enum ConvertSkill: Skill {
    static let forms = [
        SkillForm(
            "convert.format", "(convert|turn|change) {source} (to|into) {format}", example: "convert sales.csv to JSON"
        ) { match, draft throws(FormFault) in
            let input = try draft.input(match.content("source"))
            let target = DataFormat(rawValue: match.text("format"))
            guard input.format != target else {
                throw FormFault("\(input.name) is \(match.text("format").uppercased()) already")
            }
            _ = try draft.transform(
                .convert, input, "Converts \(input.name) to \(match.text("format").uppercased()).")
        },
        SkillForm(
            "convert.file", "(convert|turn|change) {file} (to|into) [the] [file] {target:file}",
            example: "convert sales.csv to sales.json"
        ) { match, draft throws(FormFault) in
            let (path, target) = (match.text("file"), match.text("target"))
            guard let from = DataFormat(path: path), let to = DataFormat(path: target), from != to else {
                throw FormFault("only CSV is converted to JSON, and JSON to CSV")
            }
            let converted = draft.convert(try draft.input(.file(path)))
            _ = draft.write(converted, to: target)
        },
    ]
}
