import Base

/// Commands, tools of other servers, and workflows within workflows.
enum WorkflowSkill: Skill {
    static let forms = [
        SkillForm(
            "workflow.command", "(run|execute) the command {text}", example: "run the command \"wc -l sales.csv\""
        ) {
            match, draft throws(FormFault) in draft.setResult(draft.run(match.text("text")))
        },
        SkillForm(
            "workflow.run", "(run|start) the workflow {text}",
            example: "run the workflow \"read a.csv and e-mail it to me\""
        ) { match, draft throws(FormFault) in
            let intent = match.text("text")
            try draft.checkSentence(intent)
            draft.setResult(
                draft.add(.subWorkflow, "Runs the workflow '\(intent)'.", ["intent": .string(intent)]))
        },
        SkillForm(
            "workflow.schedule", "schedule {text} {recurrence}",
            example: "schedule \"fetch https://example.com and e-mail it to me\" every Monday at 9"
        ) { match, draft throws(FormFault) in
            let (intent, trigger) = (match.text("text"), match.trigger("recurrence"))
            try draft.checkSentence(intent)
            draft.add(
                .schedule, "Schedules '\(intent)'.",
                [
                    "intent": .string(intent), "cron": .string(trigger.cron), "time_zone": .string(trigger.timeZone),
                ])
        },
        SkillForm(
            "workflow.tool",
            "(call|use) the tool {tool:word} (of|on) the server {server:word} [with {arguments:text}]",
            example: "call the tool search of the server tickets with '{\"query\": \"refund\"}'"
        ) { match, draft throws(FormFault) in
            let (tool, server) = (match.text("tool"), match.text("server"))
            var arguments: [String: JSONValue] = ["server": .string(server), "tool": .string(tool)]
            if let text = match.textIfPresent("arguments") {
                guard let value = try? JSONValue(parsing: text.utf8), value.object != nil else {
                    throw FormFault("the arguments of a tool are a JSON object")
                }
                arguments["arguments"] = value
            }
            draft.setResult(draft.add(.mcpCall, "Calls the tool \(tool) of \(server).", arguments))
        },
    ]
}
