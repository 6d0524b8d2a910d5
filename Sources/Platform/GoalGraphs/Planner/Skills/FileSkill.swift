/// Files of the workflow's folder.
enum FileSkill: Skill {
    static let forms = [
        SkillForm("file.read", "(read|open|load) [the] [file|files] {files}", example: "read sales.csv") {
            match, draft throws(FormFault) in
            for file in match.texts("files") { draft.setResult(draft.read(file)) }
        },
        SkillForm(
            "file.write", "(write|save|store|put) {content} (to|into|in|as) [the] [file] {file}",
            example: "save it as reports/june.csv"
        ) { match, draft throws(FormFault) in
            try write(match, &draft)
        },
        SkillForm(
            "file.create", "create [a|the] file {file} (with|containing) {content}",
            example: "create a file notes.txt with \"Nothing yet.\""
        ) { match, draft throws(FormFault) in
            try write(match, &draft)
        },
        SkillForm(
            "file.list", "(list|show) [all] [the|my] files [(in|of) [the] [folder] {folder}]",
            example: "list the files in reports"
        ) { match, draft throws(FormFault) in draft.setResult(draft.list(match.textIfPresent("folder"))) },
        SkillForm("file.copy", "copy {file} (to|as) {target:file}", example: "copy sales.csv to old/sales.csv") {
            match, draft throws(FormFault) in
            let input = try draft.input(.file(match.text("file")))
            _ = draft.write(input, to: match.text("target"))
            draft.setResult(input)
        },
    ]

    /// "It" is what was written.
    private static func write(_ match: FormMatch, _ draft: inout PlanDraft) throws(FormFault) {
        let input = try draft.input(match.content("content"))
        draft.setResult(input)
        let written = draft.write(input, to: match.text("file"))
        if input.node == nil { draft.setResult(written) }
    }
}
