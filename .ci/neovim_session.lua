-- What a person does in Neovim with a recipe that has a mistake; prints what came of it as JSON.
local PATIENCE = 60000

local function wait(what, holds)
  if not vim.wait(PATIENCE, holds, 20) then
    io.stderr:write(what .. " did not come\n")
    vim.cmd("cquit")
  end
end

local function text()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n")
end

local function codes()
  return vim.tbl_map(function(one) return one.code end, vim.diagnostic.get(0))
end

local function stands_on(word)
  vim.fn.cursor(1, 1)
  vim.fn.search(word, "c")
end

wait("the server", function() return #vim.lsp.get_clients({ bufnr = 0 }) > 0 end)
wait("a finding", function() return #codes() > 0 end)
local told = { found = codes() }

-- the fixes that are certain, then nothing is left to report
vim.lsp.buf.code_action({ context = { only = { "source.fixAll" }, diagnostics = {} }, apply = true })
wait("the fix", function() return text():find("name: train", 1, true) ~= nil end)
wait("the end of the findings", function() return #codes() == 0 end)
told.left = codes()

-- completion of a value
stands_on("system: asr")
local client = vim.lsp.get_clients({ bufnr = 0 })[1]
local place = vim.lsp.util.make_position_params(0, client.offset_encoding)
place.position.character = #"system: "
local answer = client:request_sync("textDocument/completion", place, PATIENCE, 0)
told.offered = vim.tbl_map(function(one) return one.label end, answer.result.items)

-- to the class of a model, in another file
stands_on("src.model.Net")
vim.lsp.buf.definition()
wait("the class", function() return vim.fn.expand("%:t") == "model.py" end)
told.line = vim.api.nvim_get_current_line()

io.stdout:write(vim.json.encode(told) .. "\n")
vim.cmd("qall!")
