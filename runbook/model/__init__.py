"""Values that everything else speaks in: questions and answers, actions, findings and plans. Nothing here touches anything."""
