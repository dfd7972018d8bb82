import { testProgram } from "./support/test_program.ts";

testProgram({ program: "events_of_requests", what: "contexts of io_setup with events that wait" });
